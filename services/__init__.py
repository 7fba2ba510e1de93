"""Five bounded contexts; they never import each other and talk through facts on the bus."""
