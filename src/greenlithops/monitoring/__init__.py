"""Push channels: who waits for something that ends elsewhere is told, and need not keep looking."""
