/*
 * TAP for the C tests: CHECK() prints one line a check, test_done() the plan.
 * A test's main ends with: return (test_done());
 */
#ifndef TEST_H
#define TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef nitems
#define nitems(a)	(sizeof((a)) / sizeof((a)[0]))
#endif

static int	 test_count;
static int	 test_failed;

static inline int __attribute__((__format__(printf, 4, 5)))
test_check(int ok, const char *file, int line, const char *fmt, ...)
{
	va_list	 ap;

	test_count++;
	if (!ok)
		test_failed++;
	printf("%sok %d - ", ok ? "" : "not ", test_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!ok)
		printf("# failed at %s:%d\n", file, line);
	fflush(stdout);
	return (ok);
}

static inline int
test_done(void)
{
	printf("1..%d\n", test_count);
	return (test_failed != 0);
}

#define CHECK(ok, ...)	test_check(!!(ok), __FILE__, __LINE__, __VA_ARGS__)

#endif
