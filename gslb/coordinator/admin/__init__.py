"""What operators ask: apply, overrides, status, explanations, and the alarms they should see."""
