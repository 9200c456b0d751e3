Feature: Evaluation

  # Numbers such as 1.4.7 are those of requirements of the OpenFeature specification.
  # Flags are boolean; other types are refused.

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
