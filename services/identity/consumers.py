"""What this context does when others' facts arrive: nothing, for it listens to nobody."""
