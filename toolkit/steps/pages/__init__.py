"""The pages of the steps: what each shows, made of `report` blocks."""
