"""Where state lives that workers share: a server of Redis' protocol."""
