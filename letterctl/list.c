/*
 * Listings: JSON objects, a line each, or columns.  The columns of a listing
 * are named by its command; a field that is missing is "-".  The first rows
 * say how wide columns are; they are shown when there are enough of them, and
 * each that follows at once: a million are neither waited for nor kept.
 */
#include <err.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

#define COLUMNS	12
#define GATHER	200	/* rows that make the widths */

struct list_ctx {
	char		*names[COLUMNS];
	size_t		 n;
	int		 json;
	int		 shown;		/* a single thing was */
	char		**cells[GATHER];
	size_t		 nrows;
	int		 begun;		/* the widths are known */
	size_t		 width[COLUMNS];
};

static char	*cell(struct json_object *, const char *);
static char	*joined(struct json_object *);
static void	 print_object(struct json_object *);
static void	 safe(const char *);
static char	**cells_of(const struct list_ctx *, struct json_object *);
static void	 cells_free(const struct list_ctx *, char **);
static void	 show(const struct list_ctx *, char *const *);
static void	 begin(struct list_ctx *);

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

static char **
cells_of(const struct list_ctx *l, struct json_object *o)
{
	char	**cells;
	size_t	  i;

	if ((cells = calloc(l->n, sizeof(*cells))) == NULL)
		err(1, NULL);
	for (i = 0; i < l->n; i++)
		if ((cells[i] = cell(o, l->names[i])) == NULL)
			err(1, NULL);
	return (cells);
}

static void
cells_free(const struct list_ctx *l, char **cells)
{
	size_t	 i;

	for (i = 0; i < l->n; i++)
		free(cells[i]);
	free(cells);
}

static void
show(const struct list_ctx *l, char *const *cells)
{
	size_t	 i, n;

	for (i = 0; i < l->n; i++) {
		safe(cells[i]);
		n = strlen(cells[i]);
		if (i + 1 < l->n)
			printf("%*s", (int)(n < l->width[i] ?
			    l->width[i] - n : 0) + 2, "");
	}
	putchar('\n');
}

/* The names of the columns, and the rows that there are. */
static void
begin(struct list_ctx *l)
{
	size_t	 i, k, w;

	for (k = 0; k < l->n; k++) {
		l->width[k] = strlen(l->names[k]);
		for (i = 0; i < l->nrows; i++)
			if ((w = strlen(l->cells[i][k])) > l->width[k])
				l->width[k] = w;
	}
	if (l->n > 0 && l->nrows > 0 && !l->begun)
		show(l, l->names);
	for (i = 0; i < l->nrows; i++) {
		show(l, l->cells[i]);
		cells_free(l, l->cells[i]);
	}
	l->nrows = 0;
	l->begun = 1;
}

void
list_row(void *arg, struct span json)
{
	struct list_ctx		*l = arg;
	struct json_object	*o;
	char			*text, **cells;

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
	cells = cells_of(l, o);
	json_object_put(o);
	if (l->begun) {
		show(l, cells);
		cells_free(l, cells);
	} else {
		l->cells[l->nrows++] = cells;
		if (l->nrows == GATHER)
			begin(l);
	}
}

void
list_end(struct list_ctx *l)
{
	size_t	 k;

	begin(l);
	for (k = 0; k < l->n; k++)
		free(l->names[k]);
	free(l);
}
