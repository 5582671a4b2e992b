"""The scripts that keep, and remove, all objects of a session."""

from __future__ import annotations

from greenlithops.backends.state.steps import Script

SUFFIXES = "'', ':w', ':o', ':i', ':b', ':k', ':g', ':h', ':x'"

TOUCH = Script(f"for _, s in ipairs({{{SUFFIXES}}}) do redis.call('PEXPIRE', K .. s, ttl) end")
DELETE = Script(
    f"""
    local all = redis.call('SPOP', K, 500)
    for _, object in ipairs(all) do
      for _, s in ipairs({{{SUFFIXES}}}) do redis.call('DEL', object .. s) end
    end
    return #all
    """
)
NOTE = Script("redis.call('SADD', K, ARGV[6]); keep(K) live() return 1")
