SCRIPTS += regress/crash/suite_crash_test.py regress/crash/full_test.py
