"""What is measured on: people made up from seeds, frames and videos of them."""
