"""What the card of a model to study is put together from, and what a person wrote for each of them."""
