"""Object storage from asyncio: objects, ranges, streams, files, listings."""
