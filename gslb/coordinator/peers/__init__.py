"""Several coordinators as one: who there is, who leads, and what each tells the others."""
