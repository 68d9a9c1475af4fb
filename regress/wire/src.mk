SCRIPTS += $(sort $(wildcard regress/wire/*_test.py))
