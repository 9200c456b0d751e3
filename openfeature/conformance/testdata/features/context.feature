Feature: Merging of evaluation contexts

  # 3.2.3: what is given nearer to the evaluation wins.

  Background:
    Given a stable provider with retrievable context is registered

  Scenario Outline: An entry of any level arrives
    Given A context entry with key "plan" and value "<value>" of type "<type>" is added to the "<level>" level
    When Some flag was evaluated
    Then The merged context contains an entry with key "plan" and value "<value>" of type "<type>"

    Examples:
      | level        | type    | value |
      | API          | string  | pro   |
      | Transaction  | integer | 3     |
      | Client       | boolean | true  |
      | Invocation   | float   | 0.5   |
      | Before Hooks | string  | pro   |

  Scenario Outline: The entry of the last level wins
    Given A table with levels of increasing precedence
      | API          |
      | Transaction  |
      | Client       |
      | Invocation   |
      | Before Hooks |
    And Context entries for each level from API level down to the "<level>" level, with key "plan" and value "<level>"
    When Some flag was evaluated
    Then The merged context contains an entry with key "plan" and value "<level>"

    Examples:
      | level        |
      | API          |
      | Transaction  |
      | Client       |
      | Invocation   |
      | Before Hooks |

  # 3.1.1
  Scenario: The targeting key is an attribute
    Given A context entry with key "targetingKey" and value "user-1" is added to the "Invocation" level
    When Some flag was evaluated
    Then The merged context contains an entry with key "targetingKey" and value "user-1"

  Scenario: There need not be a targeting key
    When Some flag was evaluated
    Then the evaluation context should allow missing "targetingKey" field
