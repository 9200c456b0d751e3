Feature: Tracking

  Background:
    Given a provider is registered

  # 6.1.2.1, 2.7.1
  Scenario: A tracked event arrives
    When an event was tracked with tracking event name "checkout"
    Then the tracking provider should have been called with event name "checkout"
