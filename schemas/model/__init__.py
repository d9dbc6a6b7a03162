"""The model of resource types: fields, kinds, rules, and the tables derived from them."""
