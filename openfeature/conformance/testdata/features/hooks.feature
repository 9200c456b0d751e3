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
      | String  | boolean-flag | text    | TYPE_MISMATCH  |

  # 4.4.2
  Scenario: Hooks of the call run, in their order
    Given a Boolean-flag with key "boolean-flag" and a default value "false"
    And evaluation options containing specific hooks
    When the flag was evaluated with details using the evaluation options
    Then the specified hooks should execute during evaluation
    And the hook order should be maintained
