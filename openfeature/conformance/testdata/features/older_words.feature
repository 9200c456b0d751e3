Feature: Evaluation in older words

  # The words of evaluation.feature, which the SDK for Go runs.

  Background:
    Given a stable provider

  # 1.3.1.1
  Scenario: Values
    When a boolean flag with key "boolean-flag" is evaluated with default value "false"
    Then the resolved boolean value should be "true"
    When a string flag with key "string-disabled-flag" is evaluated with default value "text"
    Then the resolved string value should be "bye"
    When an integer flag with key "whole-flag" is evaluated with default value 1
    Then the resolved integer value should be 7
    When a float flag with key "float-flag" is evaluated with default value 7.5
    Then the resolved float value should be 0.5
    When an object flag with key "object-flag" is evaluated with a null default value
    Then the resolved object value should be contain fields "showImages", "title", and "imagesPerPage", with values "true", "Check out these pics!" and 100, respectively

  # 1.4.3, 1.4.6, 1.4.7
  Scenario: Details
    When a string flag with key "string-zero-flag" is evaluated with details and default value "text"
    Then the resolved string details value should be "", the variant should be "zero", and the reason should be "STATIC"
    When a float flag with key "integer-flag" is evaluated with details and default value 7.5
    Then the resolved float details value should be 10.0, the variant should be "ten", and the reason should be "STATIC"
    When an object flag with key "object-flag" is evaluated with details and a null default value
    Then the variant should be "template", and the reason should be "STATIC"

  # 3.1.2
  Scenario: The context decides
    When context contains keys "name", "town", "age", "customer" with values "Ann", "Bern", 29, "false"
    And a flag with key "context-aware" is evaluated with default value "text"
    Then the resolved string response should be "INTERNAL"
    And the resolved flag value is "EXTERNAL" when the context is empty

  # 1.4.8, 1.4.9
  Scenario: Errors
    When a non-existent string flag with key "missing-flag" is evaluated with details and a default value "text"
    Then the default string value should be returned
    And the reason should indicate an error and the error code should indicate a missing flag with "FLAG_NOT_FOUND"
    When a string flag with key "string-flag" is evaluated as an integer, with details and a default value 7
    Then the default integer value should be returned
    And the reason should indicate an error and the error code should indicate a type mismatch with "TYPE_MISMATCH"
