"""The scripts of shared memory: a string of bytes on the server."""

from __future__ import annotations

from greenlithops.backends.state.steps import Script

MAKE = Script(
    """
    return once(function()
      redis.call('SET', K, ARGV[6])
      note()
      return 1
    end)
    """
)

WRITE = Script(
    """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      for i = 6, #ARGV, 2 do redis.call('SETRANGE', K, ARGV[i], ARGV[i + 1]) end
      return 1
    end)
    """
)
