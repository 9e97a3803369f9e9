"""What can be measured; one package a kind, none of which knows another."""
