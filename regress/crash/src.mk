SCRIPTS += regress/crash/tools_crash_test.py regress/crash/attempt_crash_test.py regress/crash/suite_crash_test.py regress/crash/full_test.py regress/crash/readonly_test.py
