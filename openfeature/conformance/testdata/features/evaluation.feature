Feature: Evaluation

  # Numbers such as 1.4.7 are those of requirements of the OpenFeature specification.

  Background:
    Given a stable provider

  # 1.3.1.1, 1.4.3, 1.4.5, 1.4.6, 1.4.7
  Scenario Outline: A boolean flag has a value, a variant and a reason
    Given a Boolean-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the flag key should be "<key>"
    And the variant should be "<variant>"
    And the reason should be "<reason>"
    And the error-code should be ""

    Examples:
      | key           | default | value | variant | reason   |
      | boolean-flag  | false   | true  | on      | STATIC   |
      | boolean-flag  | true    | true  | on      | STATIC   |
      | disabled-flag | false   | false | off     | DISABLED |
      | disabled-flag | true    | false | off     | DISABLED |
      | nobody-flag   | true    | false | off     | SPLIT    |
      | everyone-flag | false   | true  | on      | SPLIT    |

  # 1.4.7, 3.1.2
  Scenario Outline: Conditions see the evaluation context
    Given a Boolean-flag with key "adults-flag" and a default value "<default>"
    And a context containing a key "age", with type "Integer" and with value "<age>"
    And a context containing a key "email", with type "String" and with value "<email>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the reason should be "<reason>"

    Examples:
      | age | email         | default | value | reason          |
      | 18  | a@example.com | false   | true  | TARGETING_MATCH |
      | 17  | a@example.com | true    | false | DEFAULT         |
      | 18  | b@example.com | true    | false | DEFAULT         |

  Scenario: A null is compared like any other value
    Given a Boolean-flag with key "email-flag" and a default value "true"
    And a context containing a key "email" with null value
    When the flag was evaluated with details
    Then the resolved details value should be "false"
    And the reason should be "DEFAULT"

  # As in Flipper for Python: who gives no attributes gets every flag that is on.
  Scenario: Without attributes there is nothing to compare
    Given a Boolean-flag with key "email-flag" and a default value "false"
    When the flag was evaluated with details
    Then the resolved details value should be "true"
    And the reason should be "STATIC"

  # 1.4.8, 1.4.9, 1.4.10, 1.4.13
  Scenario Outline: A flag that is not there gives the default
    Given a <type>-flag with key "missing-flag" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "FLAG_NOT_FOUND"
    And the variant should be ""
    And the error message should contain "missing-flag"

    Examples:
      | type    | default  |
      | Boolean | true     |
      | Boolean | false    |
      | String  | text     |
      | Integer | 7        |
      | Float   | 0.5      |
      | Object  | {"a": 1} |

  # 1.3.4
  Scenario Outline: A value of another type is the default, with an error
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "TYPE_MISMATCH"
    And the variant should be ""
    And the error message should contain "<variant>"

    Examples:
      | key          | type    | default  | variant  |
      | boolean-flag | String  | text     | on       |
      | boolean-flag | Integer | 7        | on       |
      | boolean-flag | Float   | 0.5      | on       |
      | boolean-flag | Object  | {"a": 1} | on       |
      | wrong-flag   | Integer | 13       | on       |
      | string-flag  | Boolean | true     | greeting |
      | string-flag  | Integer | 7        | greeting |
      | string-flag  | Float   | 0.5      | greeting |
      | string-flag  | Object  | {"a": 1} | greeting |
      | integer-flag | Boolean | true     | ten      |
      | integer-flag | String  | text     | ten      |
      | integer-flag | Object  | {"a": 1} | ten      |
      | float-flag   | Boolean | true     | half     |
      | float-flag   | String  | text     | half     |
      | float-flag   | Integer | 7        | half     |
      | float-flag   | Object  | {"a": 1} | half     |
      | object-flag  | Boolean | true     | template |
      | object-flag  | String  | text     | template |
      | object-flag  | Integer | 7        | template |
      | object-flag  | Float   | 0.5      | template |

  # 1.3.1.1, 1.3.3.1, 1.4.3, 1.4.5, 1.4.6, 1.4.7
  Scenario Outline: A flag of any type has a value, a variant and a reason
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the flag key should be "<key>"
    And the variant should be "<variant>"
    And the reason should be "<reason>"
    And the error-code should be ""
    And the resolved metadata is empty

    Examples:
      | key                   | type    | default  | value                                                                       | variant  | reason   |
      | string-flag           | String  | text     | hi                                                                          | greeting | STATIC   |
      | string-zero-flag      | String  | text     |                                                                             | zero     | STATIC   |
      | string-disabled-flag  | String  | text     | bye                                                                         | off      | DISABLED |
      | integer-flag          | Integer | 7        | 10                                                                          | ten      | STATIC   |
      | integer-zero-flag     | Integer | 7        | 0                                                                           | zero     | STATIC   |
      | integer-disabled-flag | Integer | 7        | 1                                                                           | off      | DISABLED |
      | whole-flag            | Integer | 1        | 7                                                                           | seven    | STATIC   |
      | float-flag            | Float   | 7.5      | 0.5                                                                         | half     | STATIC   |
      | float-zero-flag       | Float   | 7.5      | 0.0                                                                         | zero     | STATIC   |
      | float-disabled-flag   | Float   | 7.5      | 0.1                                                                         | off      | DISABLED |
      | integer-flag          | Float   | 7.5      | 10.0                                                                        | ten      | STATIC   |
      | object-flag           | Object  | {"b": 2} | {"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100} | template | STATIC   |
      | object-zero-flag      | Object  | {"b": 2} | {}                                                                          | zero     | STATIC   |
      | object-disabled-flag  | Object  | {"b": 2} | {"a": 1}                                                                    | off      | DISABLED |
      | list-flag             | Object  | {"b": 2} | ["a", 1]                                                                    | two      | STATIC   |

  # A flag that was switched off is off, of whatever type it is.
  Scenario Outline: A disabled flag of any type is false as a boolean
    Given a Boolean-flag with key "<key>" and a default value "true"
    When the flag was evaluated with details
    Then the resolved details value should be "false"
    And the reason should be "DISABLED"
    And the error-code should be ""

    Examples:
      | key                   |
      | boolean-disabled-flag |
      | string-disabled-flag  |
      | integer-disabled-flag |
      | float-disabled-flag   |
      | object-disabled-flag  |

  # 1.4.7, 3.1.2
  Scenario Outline: Rules see the evaluation context
    Given a <type>-flag with key "<key>" and a default value "<default>"
    And a context containing a key "email", with type "String" and with value "<email>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the variant should be "zero"
    And the reason should be "<reason>"

    Examples:
      | key                        | type    | default  | email                 | value | reason          |
      | boolean-targeted-zero-flag | Boolean | true     | ballmer@macrosoft.com | false | TARGETING_MATCH |
      | boolean-targeted-zero-flag | Boolean | true     | a@example.com         | false | DEFAULT         |
      | string-targeted-zero-flag  | String  | text     | ballmer@macrosoft.com |       | TARGETING_MATCH |
      | string-targeted-zero-flag  | String  | text     | a@example.com         |       | DEFAULT         |
      | integer-targeted-zero-flag | Integer | 7        | ballmer@macrosoft.com | 0     | TARGETING_MATCH |
      | integer-targeted-zero-flag | Integer | 7        | a@example.com         | 0     | DEFAULT         |
      | float-targeted-zero-flag   | Float   | 7.5      | ballmer@macrosoft.com | 0.0   | TARGETING_MATCH |
      | float-targeted-zero-flag   | Float   | 7.5      | a@example.com         | 0.0   | DEFAULT         |
      | object-targeted-zero-flag  | Object  | {"b": 2} | ballmer@macrosoft.com | {}    | TARGETING_MATCH |
      | object-targeted-zero-flag  | Object  | {"b": 2} | a@example.com         | {}    | DEFAULT         |

  Scenario Outline: Rules with nothing to compare serve the flag's default
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the reason should be "DEFAULT"

    Examples:
      | key                        | type    | default  | value    |
      | boolean-targeted-zero-flag | Boolean | true     | false    |
      | string-targeted-zero-flag  | String  | text     |          |
      | integer-targeted-zero-flag | Integer | 7        | 0        |
      | float-targeted-zero-flag   | Float   | 7.5      | 0.0      |
      | object-targeted-zero-flag  | Object  | {"b": 2} | {}       |
      | context-aware              | String  | text     | EXTERNAL |

  Scenario Outline: A rule with several conditions
    Given a String-flag with key "complex-targeted" and a default value "text"
    And a context containing a key "email", with type "String" and with value "ballmer@macrosoft.com"
    And a context containing a key "role", with type "String" and with value "<role>"
    And a context containing a key "age", with type "Integer" and with value "<age>"
    And a context containing a key "customer", with type "Boolean" and with value "<customer>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the variant should be "<variant>"
    And the reason should be "<reason>"

    Examples:
      | role  | age | customer | value    | variant  | reason          |
      | admin | 65  | false    | INTERNAL | internal | TARGETING_MATCH |
      | guest | 65  | false    | EXTERNAL | external | DEFAULT         |
      | admin | 64  | false    | EXTERNAL | external | DEFAULT         |
      | admin | 65  | true     | EXTERNAL | external | DEFAULT         |

  Scenario: A split is by the targeting key
    Given a String-flag with key "split-flag" and a default value "text"
    And a context containing a key "targetingKey", with type "String" and with value "user-1"
    When the flag was evaluated with details
    Then the resolved details value should be "bye"
    And the variant should be "parting"
    And the reason should be "SPLIT"

  Scenario: An attribute that cannot be compared gives the default
    Given a Boolean-flag with key "adults-flag" and a default value "true"
    And a context containing a key "age", with type "String" and with value "old"
    When the flag was evaluated with details
    Then the resolved details value should be "true"
    And the reason should be "ERROR"
    And the error-code should be "INVALID_CONTEXT"

  # 1.4.14
  Scenario: Flag metadata has the scalars of client data
    Given a Boolean-flag with key "metadata-flag" and a default value "false"
    When the flag was evaluated with details
    Then the resolved metadata should contain
      | key     | metadata_type | value |
      | string  | String        | 1.0.2 |
      | integer | Integer       | 2     |
      | float   | Float         | 0.1   |
      | boolean | Boolean       | true  |

  Scenario: A flag without client data has no metadata
    Given a Boolean-flag with key "boolean-flag" and a default value "false"
    When the flag was evaluated with details
    Then the resolved metadata is empty
