"""What runs to see that nothing breaks: streams that never end, and what goes wrong with them."""
