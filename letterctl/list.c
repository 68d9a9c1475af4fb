/*
 * Listings: JSON objects, a line each, or columns.  The columns of a listing
 * are named by its command; a field that is missing is "-".  The first rows
 * say how wide columns are; they are shown when there are enough of them, and
 * each that follows at once: a million are neither waited for nor kept.  Rows
 * that are sorted are kept in a heap, as many as are to be shown, the one that
 * goes first when a better one comes on top.
 */
#include <err.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ctl.h"

#define COLUMNS	12
#define GATHER	200	/* rows that make the widths */
#define SORTED	100000	/* rows that are sorted, at most */

struct list_ctx {
	char		*names[COLUMNS];
	size_t		 n;
	int		 json;
	int		 shown;		/* a single thing was */
	char		**cells[GATHER];
	size_t		 nrows;
	int		 begun;		/* the widths are known */
	size_t		 width[COLUMNS];
	size_t		 taken;		/* rows that came */
	struct kept	*heap;
	size_t		 nheap, room;
	int		 found;		/* a row had the field */
};

/* A row that waits for its place. */
struct kept {
	char			*text;
	struct json_object	*key;	/* NULL: it has none */
	size_t			 number;
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
static struct {
	const char	*sort;		/* by that field; NULL: as they come */
	int		 reverse;
	size_t		 limit;		/* 0: all */
} opt;

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

/* Take argv[i] and so many after it out. */
static void
take_out(int *argc, char **argv, int i, int n)
{
	memmove(argv + i, argv + i + n, (size_t)(*argc - i - n) *
	    sizeof(*argv));
	*argc -= n;
}

int
list_options(int *argc, char **argv)
{
	uint64_t	 n;
	int		 i;

	memset(&opt, 0, sizeof(opt));
	for (i = 0; i < *argc;) {
		if (strcmp(argv[i], "--reverse") == 0) {
			opt.reverse = 1;
			take_out(argc, argv, i, 1);
		} else if (strcmp(argv[i], "--sort") == 0 && i + 1 < *argc) {
			opt.sort = argv[i + 1];
			take_out(argc, argv, i, 2);
		} else if (strcmp(argv[i], "--limit") == 0 && i + 1 < *argc) {
			if (span_num(span_str(argv[i + 1]), SIZE_MAX / 2,
			    &n) == -1 || n == 0) {
				warnx("--limit is a number of rows");
				return (-1);
			}
			opt.limit = (size_t)n;
			take_out(argc, argv, i, 2);
		} else
			i++;
	}
	if (opt.reverse && opt.sort == NULL) {
		warnx("--reverse is for --sort");
		return (-1);
	}
	if (opt.sort != NULL && opt.limit > SORTED) {
		warnx("at most %d rows are sorted", SORTED);
		return (-1);
	}
	return (0);
}

/* ---- sorted ------------------------------------------------------------------ */

/* The field, or what it is short for: "next" is next_at. */
static struct json_object *
field(struct json_object *o, const char *name)
{
	struct json_object	*v = NULL;
	struct buf		 at = { 0 };

	if (!json_object_object_get_ex(o, name, &v)) {
		buf_addf(&at, "%s_at", name);
		(void)json_object_object_get_ex(o, buf_cstr(&at), &v);
		buf_free(&at);
	}
	return (v);
}

static int
is_number(struct json_object *v)
{
	return (json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_boolean) ||
	    json_object_is_type(v, json_type_double));
}

/* Numbers before texts; what has no such field is last, either way. */
static int
order(const void *x, const void *y)
{
	const struct kept	*a = x, *b = y;
	int64_t			 i, k;
	int			 d;

	if (a->key == NULL || b->key == NULL)
		d = (a->key == NULL) - (b->key == NULL);
	else {
		if (is_number(a->key) && is_number(b->key)) {
			i = json_object_get_int64(a->key);
			k = json_object_get_int64(b->key);
			d = (i > k) - (i < k);
		} else if (is_number(a->key) || is_number(b->key))
			d = is_number(a->key) ? -1 : 1;
		else
			d = strcasecmp(json_object_get_string(a->key),
			    json_object_get_string(b->key));
		d = opt.reverse ? -d : d;
	}
	return (d != 0 ? d : (a->number > b->number) - (a->number < b->number));
}

static void
swap(struct kept *a, struct kept *b)
{
	struct kept	 t = *a;

	*a = *b;
	*b = t;
}

static void
sift_down(struct list_ctx *l)
{
	size_t	 i, k;

	for (i = 0; (k = 2 * i + 1) < l->nheap; i = k) {
		if (k + 1 < l->nheap && order(&l->heap[k], &l->heap[k + 1]) < 0)
			k++;
		if (order(&l->heap[i], &l->heap[k]) >= 0)
			break;
		swap(&l->heap[i], &l->heap[k]);
	}
}

static void
add(struct list_ctx *l, const struct kept *r)
{
	struct kept	*more;
	size_t		 i;

	if (l->nheap == l->room) {
		l->room += l->room / 2 + GATHER;
		if ((more = reallocarray(l->heap, l->room, sizeof(*more))) ==
		    NULL)
			err(1, NULL);
		l->heap = more;
	}
	l->heap[l->nheap] = *r;
	for (i = l->nheap++; i > 0 && order(&l->heap[(i - 1) / 2],
	    &l->heap[i]) < 0; i = (i - 1) / 2)
		swap(&l->heap[(i - 1) / 2], &l->heap[i]);
}

static void
kept_free(struct kept *r)
{
	json_object_put(r->key);
	free(r->text);
}

static void
keep(struct list_ctx *l, char *text)
{
	struct kept		 r = { .text = text, .number = l->taken };
	struct json_object	*o;

	if ((o = json_tokener_parse(text)) == NULL) {
		free(text);
		return;
	}
	r.key = json_object_get(field(o, opt.sort));
	json_object_put(o);
	l->found |= r.key != NULL;
	if (opt.limit == 0 && l->nheap == SORTED)
		errx(EXIT_REFUSED, "more than %d rows to sort: add --limit",
		    SORTED);
	if (opt.limit == 0 || l->nheap < opt.limit)
		add(l, &r);
	else if (order(&r, &l->heap[0]) < 0) {
		swap(&r, &l->heap[0]);
		sift_down(l);
		kept_free(&r);
	} else
		kept_free(&r);
}

/* ---- rows ---------------------------------------------------------------------- */

static void
show_row(struct list_ctx *l, const char *text)
{
	struct json_object	*o;
	char			**cells;

	if (l->json) {
		puts(text);
		return;
	}
	if ((o = json_tokener_parse(text)) == NULL)
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
list_row(void *arg, struct span json)
{
	struct list_ctx	*l = arg;
	char		*text;

	if (list_enough(l) || (text = span_dup(json)) == NULL)
		return;
	rows++;
	l->taken++;
	if (opt.sort != NULL && l->n > 0) {
		keep(l, text);
		return;
	}
	show_row(l, text);
	free(text);
}

int
list_enough(void *arg)
{
	const struct list_ctx	*l = arg;

	return (opt.limit > 0 && opt.sort == NULL && l->n > 0 &&
	    l->taken >= opt.limit);
}

int
list_end(struct list_ctx *l)
{
	size_t	 k;
	int	 rc = 0;

	if (l->nheap > 0 && !l->found) {
		warnx("there is no field \"%s\" to sort by", opt.sort);
		rc = -1;
	} else if (l->nheap > 0)
		qsort(l->heap, l->nheap, sizeof(l->heap[0]), order);
	for (k = 0; k < l->nheap; k++) {
		if (rc == 0)
			show_row(l, l->heap[k].text);
		kept_free(&l->heap[k]);
	}
	free(l->heap);
	begin(l);
	for (k = 0; k < l->n; k++)
		free(l->names[k]);
	free(l);
	return (rc);
}
