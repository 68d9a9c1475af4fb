/*
 * Stands in for libFuzzer in the ordinary tests: runs the target over every
 * file named, or every file of the folders named, and over small mutations of
 * each, so that targets cannot rot.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static void	 run_file(const char *);
static void	 run_path(const char *);

static int	 files;

/* The input itself, each prefix of a short one, and single changed octets. */
static void
run_file(const char *path)
{
	FILE	*f;
	uint8_t	*p, *q;
	long	 n;
	long	 i, step;

	if ((f = fopen(path, "rb")) == NULL || fseek(f, 0, SEEK_END) != 0 ||
	    (n = ftell(f)) < 0)
		exit(1);
	rewind(f);
	if ((p = malloc((size_t)n + 1)) == NULL ||
	    fread(p, 1, (size_t)n, f) != (size_t)n)
		exit(1);
	fclose(f);
	(void)LLVMFuzzerTestOneInput(p, (size_t)n);
	step = n < 512 ? 1 : n / 512 + 1;
	for (i = 0; i < n; i += step) {
		/* a block of exactly that size, so that over-reads show */
		if ((q = malloc((size_t)i + 1)) == NULL)
			exit(1);
		memcpy(q, p, (size_t)i);
		(void)LLVMFuzzerTestOneInput(q, (size_t)i);
		free(q);
		p[i] ^= (uint8_t)(1u << (i % 8));
		(void)LLVMFuzzerTestOneInput(p, (size_t)n);
		p[i] ^= (uint8_t)(1u << (i % 8));
	}
	free(p);
	files++;
}

static void
run_path(const char *path)
{
	struct dirent	*e;
	struct stat	 st;
	DIR		*d;
	char		 name[4096];

	if (stat(path, &st) == -1)
		exit(1);
	if (!S_ISDIR(st.st_mode)) {
		run_file(path);
		return;
	}
	if ((d = opendir(path)) == NULL)
		exit(1);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		run_file(name);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	int	 i;

	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (i = 1; i < argc; i++)
		run_path(argv[i]);
	printf("%sok 1 - %d inputs\n1..1\n", files > 0 ? "" : "not ", files);
	return (files == 0);
}
