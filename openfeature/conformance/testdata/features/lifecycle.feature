Feature: States and events

  # 1.7.1
  Scenario Outline: The state of the provider can be told
    Given a <provider> provider
    Then the provider status should be "<state>"

    Examples:
      | provider  | state     |
      | stable    | READY     |
      | not ready | NOT_READY |
      | error     | ERROR     |
      | fatal     | FATAL     |
      | stale     | STALE     |

  # 1.7.6, 1.7.7
  Scenario Outline: A provider that cannot answer gives the default
    Given a <provider> provider
    And a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<default>"
    And the reason should be "ERROR"
    And the error-code should be "<code>"

    Examples:
      | provider  | code               | type    | key          | default  |
      | not ready | PROVIDER_NOT_READY | Boolean | boolean-flag | true     |
      | not ready | PROVIDER_NOT_READY | String  | string-flag  | text     |
      | not ready | PROVIDER_NOT_READY | Integer | integer-flag | 7        |
      | not ready | PROVIDER_NOT_READY | Float   | float-flag   | 7.5      |
      | not ready | PROVIDER_NOT_READY | Object  | object-flag  | {"b": 2} |
      | error     | PROVIDER_NOT_READY | Boolean | boolean-flag | true     |
      | fatal     | PROVIDER_FATAL     | Boolean | boolean-flag | true     |
      | fatal     | PROVIDER_FATAL     | String  | string-flag  | text     |
      | fatal     | PROVIDER_FATAL     | Integer | integer-flag | 7        |
      | fatal     | PROVIDER_FATAL     | Float   | float-flag   | 7.5      |
      | fatal     | PROVIDER_FATAL     | Object  | object-flag  | {"b": 2} |

  # 5.1.2
  Scenario Outline: A provider whose backend is gone answers from what it has
    Given a stale provider
    And a <type>-flag with key "<key>" and a default value "<default>"
    When the flag was evaluated with details
    Then the resolved details value should be "<value>"
    And the reason should be "STALE"

    Examples:
      | type    | key                  | default | value |
      | Boolean | boolean-flag         | false   | true  |
      | String  | string-flag          | text    | hi    |
      | Boolean | string-disabled-flag | true    | false |

  # 5.3.1
  Scenario: Initialisation
    Given a provider which supports events and requires initialization
    When a PROVIDER_READY handler is attached
    And the provider is set and successfully initialized
    Then the PROVIDER_READY handler must run

  # 5.3.2
  Scenario: Initialisation that fails
    Given a provider which supports events and requires initialization
    When a PROVIDER_ERROR handler is attached
    And the provider is set and fails to initialize
    Then the PROVIDER_ERROR handler must run

  # 5.2.4
  Scenario: A flag is changed
    Given a provider which supports events and requires initialization
    When a PROVIDER_CONFIGURATION_CHANGED handler is attached
    And the provider is set and successfully initialized
    And a flag with key "changing-flag" is modified
    Then the PROVIDER_CONFIGURATION_CHANGED handler must run
    And the event details must indicate "changing-flag" was altered

  # 5.3.5
  Scenario: The backend goes and comes back
    Given a stable provider
    And a PROVIDER_STALE handler is attached
    When the backend is lost
    Then the PROVIDER_STALE handler must run
    And the provider status becomes "STALE"
    When the backend is back
    Then the provider status becomes "READY"
