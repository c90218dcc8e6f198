"""What the CSMS knows how to do, without sockets and databases."""
