/*
 * Listings: JSON objects, a line each, or columns.  The columns of a listing
 * are named by its command; a field that is missing is "-".
 */
#include <err.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

#define COLUMNS	12

struct list_ctx {
	char		*names[COLUMNS];
	size_t		 n;
	int		 json;
	int		 shown;		/* a single thing was */
	char		***cells;
	size_t		 nrows, cap;
};

static char	*cell(struct json_object *, const char *);
static char	*joined(struct json_object *);
static void	 print_object(struct json_object *);
static void	 safe(const char *);

static size_t	 rows;		/* of all listings */

size_t
list_rows(void)
{
	return (rows);
}

struct list_ctx *
list_new(const char *columns, int json)
{
	struct list_ctx	*l;
	char		*copy, *name, *next;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    (copy = strdup(columns)) == NULL)
		err(1, NULL);
	l->json = json;
	for (next = copy; (name = strsep(&next, " ")) != NULL;)
		if (*name != '\0' && l->n < COLUMNS &&
		    (l->names[l->n++] = strdup(name)) == NULL)
			err(1, NULL);
	free(copy);
	return (l);
}

/* Text that may come from outside, for a terminal. */
static void
safe(const char *s)
{
	for (; *s != '\0'; s++)
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

/* A list of texts, with commas. */
static char *
joined(struct json_object *v)
{
	struct buf	 b = { 0 };
	const char	*t;
	char		*s;
	size_t		 i, n = json_object_array_length(v);

	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_adds(&b, ", ");
		t = json_object_get_string(json_object_array_get_idx(v, i));
		buf_adds(&b, t == NULL ? "-" : t);
	}
	s = strdup(n == 0 ? "-" : buf_cstr(&b));
	buf_free(&b);
	return (s);
}

static char *
cell(struct json_object *o, const char *name)
{
	struct json_object	*v;
	char			 t[32], *s;
	time_t			 when;
	struct tm		 tm;
	size_t			 n = strlen(name);

	if (!json_object_object_get_ex(o, name, &v) || v == NULL)
		return (strdup("-"));
	/* moments are seconds since 1970 in fields named ..._at */
	if (n > 3 && strcmp(name + n - 3, "_at") == 0 &&
	    json_object_is_type(v, json_type_int)) {
		if ((when = (time_t)json_object_get_int64(v)) == 0)
			return (strdup("-"));
		localtime_r(&when, &tm);
		strftime(t, sizeof(t), "%Y-%m-%dT%H:%M:%S", &tm);
		return (strdup(t));
	}
	if (json_object_is_type(v, json_type_array))
		return (joined(v));
	s = strdup(json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) :
	    json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	if (s != NULL && *s == '\0') {
		free(s);
		s = strdup("-");
	}
	return (s);
}

/* A single thing: a line for each of its fields. */
static void
print_object(struct json_object *o)
{
	char	*s;

	json_object_object_foreach(o, key, val) {
		(void)val;
		if ((s = cell(o, key)) == NULL)
			err(1, NULL);
		printf("%-16s ", key);
		safe(s);
		putchar('\n');
		free(s);
	}
}

void
list_row(void *arg, struct span json)
{
	struct list_ctx		*l = arg;
	struct json_object	*o;
	char			*text;
	size_t			 i;

	if ((text = span_dup(json)) == NULL)
		return;
	rows++;
	if (l->json) {
		puts(text);
		free(text);
		return;
	}
	o = json_tokener_parse(text);
	free(text);
	if (o == NULL)
		return;
	if (l->n == 0) {
		if (l->shown++)
			putchar('\n');
		print_object(o);
		json_object_put(o);
		return;
	}
	if (l->nrows == l->cap) {
		l->cap = l->cap == 0 ? 64 : l->cap * 2;
		l->cells = reallocarray(l->cells, l->cap, sizeof(*l->cells));
		if (l->cells == NULL)
			err(1, NULL);
	}
	if ((l->cells[l->nrows] = calloc(l->n, sizeof(char *))) == NULL)
		err(1, NULL);
	for (i = 0; i < l->n; i++)
		if ((l->cells[l->nrows][i] = cell(o, l->names[i])) == NULL)
			err(1, NULL);
	l->nrows++;
	json_object_put(o);
}

void
list_end(struct list_ctx *l)
{
	size_t	 width[COLUMNS], i, k, w;
	char	*c;

	for (k = 0; k < l->n; k++) {
		width[k] = strlen(l->names[k]);
		for (i = 0; i < l->nrows; i++)
			if ((w = strlen(l->cells[i][k])) > width[k])
				width[k] = w;
	}
	for (i = 0; l->n > 0 && l->nrows > 0 && i <= l->nrows; i++) {
		for (k = 0; k < l->n; k++) {
			c = i == 0 ? l->names[k] : l->cells[i - 1][k];
			safe(c);
			if (k + 1 < l->n)
				printf("%*s", (int)(width[k] - strlen(c)) + 2,
				    "");
		}
		putchar('\n');
	}
	for (i = 0; i < l->nrows; i++) {
		for (k = 0; k < l->n; k++)
			free(l->cells[i][k]);
		free(l->cells[i]);
	}
	for (k = 0; k < l->n; k++)
		free(l->names[k]);
	free(l->cells);
	free(l);
}
