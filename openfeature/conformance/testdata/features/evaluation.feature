Feature: Evaluation

  # Numbers such as 1.4.7 are those of requirements of the OpenFeature specification.
  # Flags without rules are boolean. The flags of other types are those of the
  # specification's test-flags.json.

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

  # 1.3.1.1, 1.3.2.1, 1.4.3, 1.4.6, 1.4.7
  Scenario Outline: A flag of each type has a value, a variant and a reason
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the flag key should be "<key>"
    And the variant should be "<variant>"
    And the reason should be "STATIC"
    And the error-code should be ""

    Examples:
      | type    | key               | default  | value                                                                        | variant  |
      | String  | string-flag       | bye      | hi                                                                           | greeting |
      | Integer | integer-flag      | 1        | 10                                                                           | ten      |
      | Float   | float-flag        | 0.1      | 0.5                                                                          | half     |
      | Object  | object-flag       | {"a": 1} | {"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100} | template |
      | String  | string-zero-flag  | hi       |                                                                              | zero     |
      | Integer | integer-zero-flag | 1        | 0                                                                            | zero     |
      | Float   | float-zero-flag   | 0.1      | 0.0                                                                          | zero     |
      | Object  | object-zero-flag  | {"a": 1} | {}                                                                           | zero     |

  # 1.4.7, 3.1.2
  Scenario Outline: Rules see the evaluation context
    Given a String-flag with key "context-aware" and a default value "neither"
    And a context containing a key "fn", with type "String" and with value "Sulisław"
    And a context containing a key "ln", with type "String" and with value "Świętopełk"
    And a context containing a key "age", with type "Integer" and with value "<age>"
    And a context containing a key "customer", with type "Boolean" and with value "<customer>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the variant should be "<variant>"
    And the reason should be "<reason>"

    Examples:
      | age | customer | value    | variant  | reason          |
      | 29  | false    | INTERNAL | internal | TARGETING_MATCH |
      | 29  | true     | EXTERNAL | external | DEFAULT         |
      | 30  | false    | EXTERNAL | external | DEFAULT         |

  Scenario: Rules let nobody in who says nothing
    Given a String-flag with key "context-aware" and a default value "neither"
    When the flag was evaluated with details
    Then the resolved details value should be "EXTERNAL"
    And the reason should be "DEFAULT"

  # 1.3.4, 1.4.8, 1.4.10
  Scenario Outline: A value of another type is the default, with an error
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "TYPE_MISMATCH"
    And the variant should be ""

    Examples:
      | type    | key          | default  |
      | Boolean | string-flag  | true     |
      | Integer | wrong-flag   | 13       |
      | Float   | string-flag  | 0.5      |
      | Object  | string-flag  | {"a": 1} |
      | Boolean | integer-flag | false    |
      | String  | integer-flag | text     |
      | Integer | float-flag   | 7        |
      | String  | object-flag  | text     |

  # A flag that was switched off serves its off variant, never the caller's default.
  Scenario Outline: A disabled flag of each type
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the variant should be "<variant>"
    And the reason should be "DISABLED"
    And the error-code should be ""

    Examples:
      | type    | key                   | default  | value | variant |
      | String  | string-disabled-flag  | text     | bye   | parting |
      | Integer | integer-disabled-flag | 7        | 1     | one     |
      | Float   | float-disabled-flag   | 0.7      | 0.1   | tenth   |
      | Object  | object-disabled-flag  | {"a": 1} | {}    | empty   |
      | Boolean | string-disabled-flag  | true     | false | parting |

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
  Scenario Outline: A flag has no other value than a boolean
    Given a <type>-flag with key "boolean-flag" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "TYPE_MISMATCH"
    And the variant should be ""
    And the error message should contain "boolean"

    Examples:
      | type    | default  |
      | String  | text     |
      | Integer | 7        |
      | Float   | 0.5      |
      | Object  | {"a": 1} |

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
