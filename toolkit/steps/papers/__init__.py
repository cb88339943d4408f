"""`toolkit paper`: the tables of five published reports, made again on other data; wiring only."""
