"""Where configuration and directives live: one protocol, one battery of tests, several stores."""
