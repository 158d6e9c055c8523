"""The corpus: types, schema, store, encoder, indexes, search. Everything else rests on it."""
