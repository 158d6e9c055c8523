"""How fast a chat model answers: measured in the way llama.cpp's own benchmark measures."""
