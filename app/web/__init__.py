"""Pages and the static files they load. Everything comes from here; nothing from another host."""
