"""Rows as structs: what services put into units and read from lists."""
