Feature: Hooks

  Background:
    Given a stable provider
    And a client with added hook

  # 4.3.5, 4.3.8
  Scenario: Hooks see what the provider has answered
    Given a Boolean-flag with key "boolean-flag" and a default value "false"
    When the flag was evaluated with details
    Then the "before" hook should have been executed
    And the "after, finally" hooks should be called with evaluation details
      | data_type | key        | value        |
      | string    | flag_key   | boolean-flag |
      | boolean   | value      | true         |
      | string    | variant    | on           |
      | string    | reason     | STATIC       |
      | string    | error_code | None         |

  Scenario Outline: Hooks see values of any type
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the "before" hook should have been executed
    And the "after, finally" hooks should be called with evaluation details
      | data_type | key        | value     |
      | string    | flag_key   | <key>     |
      | <type>    | value      | <value>   |
      | string    | variant    | <variant> |
      | string    | reason     | STATIC    |
      | string    | error_code | None      |

    Examples:
      | type    | key             | default | value                                                                       | variant  |
      | String  | string-flag     | text    | hi                                                                          | greeting |
      | Integer | integer-flag    | 7       | 10                                                                          | ten      |
      | Float   | float-zero-flag | 7.5     | 0.0                                                                         | zero     |
      | Object  | object-flag     | {}      | {"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100} | template |

  # 4.3.7
  Scenario Outline: Hooks see what went wrong
    Given a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the "before, error" hook should have been executed
    And the "finally" hooks should be called with evaluation details
      | data_type | key        | value     |
      | string    | flag_key   | <key>     |
      | <type>    | value      | <default> |
      | string    | variant    | None      |
      | string    | reason     | ERROR     |
      | string    | error_code | <code>    |

    Examples:
      | type    | key          | default | code           |
      | Boolean | missing-flag | true    | FLAG_NOT_FOUND |
      | String  | missing-flag | text    | FLAG_NOT_FOUND |
      | Integer | missing-flag | 7       | FLAG_NOT_FOUND |
      | Float   | missing-flag | 7.5     | FLAG_NOT_FOUND |
      | Object  | missing-flag | {}      | FLAG_NOT_FOUND |
      | Boolean | string-flag  | true    | TYPE_MISMATCH  |
      | String  | boolean-flag | text    | TYPE_MISMATCH  |
      | Integer | float-flag   | 7       | TYPE_MISMATCH  |
      | Float   | string-flag  | 7.5     | TYPE_MISMATCH  |
      | Object  | integer-flag | {}      | TYPE_MISMATCH  |

  # 4.4.2
  Scenario: Hooks of the call run, in their order
    Given a Boolean-flag with key "boolean-flag" and a default value "false"
    And evaluation options containing specific hooks
    When the flag was evaluated with details using the evaluation options
    Then the specified hooks should execute during evaluation
    And the hook order should be maintained
