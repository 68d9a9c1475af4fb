/*
 * Words of letterlock.conf.  A file is read whole and checked first: no NUL, no
 * carriage return, no byte order mark, UTF-8 throughout, lines of bounded
 * length.  A macro's value is lexed where it is used; it cannot use another
 * macro by then, so that nothing here recurses.
 */
#include <sys/queue.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unistr.h>

#include "lex.h"

struct macro {
	TAILQ_ENTRY(macro)	 entry;
	char			*name, *value;
	int			 fixed;		/* from the command line */
};
TAILQ_HEAD(macros, macro);

struct word {
	TAILQ_ENTRY(word)	 entry;
	char			 s[];
};

struct file {
	TAILQ_ENTRY(file)	 entry;
	char			*name;
	struct buf		 data;
	size_t			 at;
	int			 line;
	struct file		*from;		/* what included it */
	dev_t			 dev;
	ino_t			 ino;
};

struct lexer {
	struct report		*report;
	TAILQ_HEAD(, file)	 files;		/* all, for their names */
	TAILQ_HEAD(, word)	 words;
	struct file		*now;
	struct file		*last;		/* of the last word */
	struct macros		 macros;
	struct span		 expand;	/* rest of a macro's value */
	char			*pending;	/* to include after this line */
	size_t			 nwords;
	unsigned		 depth;
	int			 midline;
};

static struct macros	 command_line = TAILQ_HEAD_INITIALIZER(command_line);

static struct file	*read_file(struct lexer *, const char *, const char *);
static int	 check_text(struct lexer *, const struct file *);
static void	 complain(struct lexer *, const char *, int, const char *);
static void	 enter(struct lexer *, const char *);
static int	 peek(const struct lexer *);
static void	 skip(struct lexer *);
static void	 skip_blanks(struct lexer *);
static void	 quoted(struct lexer *, struct lex_token *);
static void	 plain(struct lexer *, struct lex_token *);
static void	 number(struct lexer *, struct lex_token *);
static void	 keep(struct lexer *, struct lex_token *, struct buf *);
static int	 expand(struct lexer *, struct lex_token *);
static int	 is_word(int);
static struct macro	*find(struct macros *, const char *);

static void
complain(struct lexer *x, const char *file, int line, const char *text)
{
	struct buf	 where = { 0 };

	buf_addf(&where, "%s:%d", file, line);
	report_error(x->report, buf_cstr(&where), "%s", text);
	buf_free(&where);
}

/* A file's octets, or NULL with the reason reported at where. */
static struct file *
read_file(struct lexer *x, const char *path, const char *where)
{
	struct stat	 st = { 0 };
	struct file	*f, *up;
	const char	*why = NULL;
	uint8_t		*p;
	ssize_t		 n = 0;
	int		 fd;

	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->name = strdup(path)) == NULL) {
		free(f);
		report_error(x->report, where, "no memory");
		return (NULL);
	}
	TAILQ_INSERT_TAIL(&x->files, f, entry);
	f->line = 1;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "not a regular file";
	else if ((st.st_mode & S_IWOTH) != 0)
		why = "anybody may write to it";
	else if (st.st_size > (off_t)LEX_FILE_MAX)
		why = "too large";
	if (why == NULL && fd != -1) {
		f->dev = st.st_dev;
		f->ino = st.st_ino;
		for (up = x->now; up != NULL && why == NULL; up = up->from)
			if (up->dev == f->dev && up->ino == f->ino)
				why = "includes itself";
	}
	f->data.max = LEX_FILE_MAX;
	while (why == NULL && (p = buf_reserve(&f->data, 4096)) != NULL &&
	    (n = read(fd, p, 4096)) > 0)
		buf_commit(&f->data, (size_t)n);
	if (why == NULL && n != 0)
		why = "cannot be read";
	if (fd != -1)
		close(fd);
	if (why != NULL) {
		report_error(x->report, where, "%s: %s", path, why);
		return (NULL);
	}
	return (check_text(x, f) == -1 ? NULL : f);
}

/* Text that editors show as it is. */
static int
check_text(struct lexer *x, const struct file *f)
{
	const uint8_t	*p = f->data.p, *end = p + f->data.n, *start = p, *bad;
	const char	*why = NULL;
	int		 line = 1;

	if (f->data.n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		why = "begins with a byte order mark; remove it";
	bad = f->data.n == 0 ? NULL : u8_check(p, f->data.n);
	for (; why == NULL && p < end; p++) {
		if (p == bad)
			why = "not UTF-8";
		else if (*p == '\0')
			why = "contains a NUL";
		else if (*p == '\r')
			why = "contains a carriage return; lines end with a "
			    "line feed alone";
		else if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			why = "contains a control character";
		else if (p - start > LEX_LINE_MAX)
			why = "line too long";
		else if (*p == '\n') {
			line++;
			start = p + 1;
		}
	}
	if (why == NULL)
		return (0);
	complain(x, f->name, line, why);
	return (-1);
}

struct lexer *
lex_new(const char *path, struct report *r)
{
	struct lexer	*x;

	if ((x = calloc(1, sizeof(*x))) == NULL) {
		report_error(r, path, "no memory");
		return (NULL);
	}
	x->report = r;
	TAILQ_INIT(&x->files);
	TAILQ_INIT(&x->words);
	TAILQ_INIT(&x->macros);
	x->depth = 1;
	if ((x->now = read_file(x, path, "authd")) == NULL) {
		lex_free(x);
		return (NULL);
	}
	x->last = x->now;
	return (x);
}

static void
free_macros(struct macros *h)
{
	struct macro	*m;

	while ((m = TAILQ_FIRST(h)) != NULL) {
		TAILQ_REMOVE(h, m, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
}

void
lex_free(struct lexer *x)
{
	struct file	*f;
	struct word	*w;

	if (x == NULL)
		return;
	while ((f = TAILQ_FIRST(&x->files)) != NULL) {
		TAILQ_REMOVE(&x->files, f, entry);
		buf_free(&f->data);
		free(f->name);
		free(f);
	}
	while ((w = TAILQ_FIRST(&x->words)) != NULL) {
		TAILQ_REMOVE(&x->words, w, entry);
		free(w);
	}
	free_macros(&x->macros);
	free(x->pending);
	free(x);
}

const char *
lex_file(const struct lexer *x)
{
	return (x->last->name);
}

/* ---- characters --------------------------------------------------------- */

static int
peek(const struct lexer *x)
{
	if (x->expand.n > 0)
		return (x->expand.p[0]);
	if (x->now->at >= x->now->data.n)
		return (-1);
	return (x->now->data.p[x->now->at]);
}

static void
skip(struct lexer *x)
{
	if (x->expand.n > 0) {
		x->expand.p++;
		x->expand.n--;
		return;
	}
	if (x->now->data.p[x->now->at++] == '\n')
		x->now->line++;
}

/* Blanks, comments, and a line that goes on after a backslash. */
static void
skip_blanks(struct lexer *x)
{
	const struct file	*f = x->now;
	int			 c;

	for (;;) {
		c = peek(x);
		if (c == ' ' || c == '\t')
			skip(x);
		else if (c == '#')
			while ((c = peek(x)) != -1 && c != '\n')
				skip(x);
		else if (c == '\\' && x->expand.n == 0 &&
		    f->at + 1 < f->data.n && f->data.p[f->at + 1] == '\n') {
			skip(x);
			skip(x);
		} else
			return;
	}
}

static int
is_word(int c)
{
	return (c > 0x7f || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || (c > 0 &&
	    strchr("_-./:@+*[]%!~&;", c) != NULL));
}

/* ---- words -------------------------------------------------------------- */

static void
keep(struct lexer *x, struct lex_token *t, struct buf *b)
{
	struct word	*w = NULL;

	if (x->nwords < LEX_WORDS_MAX)
		w = malloc(sizeof(*w) + b->n + 1);
	if (w == NULL || buf_failed(b)) {
		complain(x, x->now->name, t->line, "too many words");
		t->type = LEX_END;
		free(w);
		return;
	}
	x->nwords++;
	memcpy(w->s, buf_cstr(b), b->n + 1);
	TAILQ_INSERT_TAIL(&x->words, w, entry);
	t->s = w->s;
}

/* "..." with \" and \\; it ends on its line. */
static void
quoted(struct lexer *x, struct lex_token *t)
{
	struct buf	 b = { 0 };
	int		 c;

	skip(x);
	t->type = LEX_QUOTED;
	while ((c = peek(x)) != '"') {
		if (c == '\\') {
			skip(x);
			c = peek(x);
			if (c != '"' && c != '\\') {
				complain(x, x->now->name, t->line, "in quotes "
				    "a backslash stands before \" and \\ "
				    "alone");
				t->type = LEX_BAD;
				continue;
			}
		}
		if (c == -1 || c == '\n') {
			complain(x, x->now->name, t->line,
			    "quoted text does not end on its line");
			t->type = LEX_BAD;
			break;
		}
		buf_addc(&b, c);
		skip(x);
	}
	if (c == '"')
		skip(x);
	if (t->type == LEX_QUOTED)
		keep(x, t, &b);
	buf_free(&b);
}

/* Digits, perhaps with a unit: a number. */
static void
number(struct lexer *x, struct lex_token *t)
{
	struct span	 s = span_str(t->s);
	int		 last = s.n == 0 ? 0 : s.p[s.n - 1] | 0x20;

	if (s.n == 0 || s.p[0] < '0' || s.p[0] > '9')
		return;
	if (last >= 'a' && last <= 'z')
		s.n--;
	else
		last = 0;
	if (span_num(s, UINT64_MAX, &t->n) == 0) {
		t->type = LEX_NUMBER;
		t->unit = last;
	} else if (errno == ERANGE)
		complain(x, x->now->name, t->line, "number too large");
}

static void
plain(struct lexer *x, struct lex_token *t)
{
	struct buf	 b = { 0 };

	t->type = LEX_WORD;
	for (; t->type == LEX_WORD; skip(x)) {
		/* as in mail.$domain */
		while (peek(x) == '$' && x->expand.n == 0 &&
		    expand(x, t) == 0)
			;
		if (t->type != LEX_WORD || !is_word(peek(x)))
			break;
		buf_addc(&b, peek(x));
	}
	if (t->type == LEX_WORD)
		keep(x, t, &b);
	buf_free(&b);
	if (t->type == LEX_WORD)
		number(x, t);
}

/* $name: its value comes next.  0, or -1: reported. */
static int
expand(struct lexer *x, struct lex_token *t)
{
	struct buf	 b = { 0 }, why = { 0 };
	struct macro	*m = NULL;
	int		 c;

	skip(x);
	while (c = peek(x), c > 0 && c < 0x80 && (c == '_' || (is_word(c) &&
	    strchr("-./:@+*[]%!~&;", c) == NULL))) {
		buf_addc(&b, c);
		skip(x);
	}
	if (b.n > 0 && (m = find(&x->macros, buf_cstr(&b))) == NULL)
		m = find(&command_line, buf_cstr(&b));
	if (m == NULL) {
		buf_addf(&why, b.n == 0 ? "a macro's name is missing after $%s"
		    : "macro \"%s\" is not defined", buf_cstr(&b));
		complain(x, x->now->name, t->line, buf_cstr(&why));
		t->type = LEX_BAD;
	} else
		x->expand = span_str(m->value);
	buf_free(&b);
	buf_free(&why);
	return (m == NULL ? -1 : 0);
}

/* The file included by the line that just ended. */
static void
enter(struct lexer *x, const char *path)
{
	struct buf	 where = { 0 }, full = { 0 };
	const char	*slash = strrchr(x->now->name, '/');
	struct file	*f;

	buf_addf(&where, "%s:%d", x->now->name, x->now->line - 1);
	if (path[0] != '/' && slash != NULL)
		buf_add(&full, x->now->name,
		    (size_t)(slash - x->now->name) + 1);
	buf_adds(&full, path);
	if (x->depth >= LEX_DEPTH)
		report_error(x->report, buf_cstr(&where),
		    "files include files too deeply");
	else if ((f = read_file(x, buf_cstr(&full),
	    buf_cstr(&where))) != NULL) {
		f->from = x->now;
		x->now = f;
		x->depth++;
	}
	buf_free(&where);
	buf_free(&full);
}

void
lex_next(struct lexer *x, struct lex_token *t)
{
	char	*path;
	int	 c;

	memset(t, 0, sizeof(*t));
	for (;;) {
		skip_blanks(x);
		x->last = x->now;
		t->line = x->now->line;
		if ((c = peek(x)) == -1 && !x->midline && x->now->from != NULL) {
			x->now = x->now->from;
			x->depth--;
			continue;
		}
		if (c != '$')
			break;
		x->midline = 1;
		if (x->expand.n > 0) {
			complain(x, x->now->name, t->line,
			    "a macro's value cannot use a macro");
			x->expand.n = 0;
			t->type = LEX_BAD;
			return;
		}
		if (expand(x, t) == -1)
			return;
	}
	if (c == '\n' || (c == -1 && x->midline)) {
		if (c == '\n')
			skip(x);
		x->midline = 0;
		t->type = LEX_NEWLINE;
		t->s = NULL;
		if ((path = x->pending) != NULL) {
			x->pending = NULL;
			enter(x, path);
			free(path);
		}
		return;
	}
	if (c == -1) {
		t->type = LEX_END;
		return;
	}
	x->midline = 1;
	if (c == '"')
		quoted(x, t);
	else if (is_word(c))
		plain(x, t);
	else {
		struct buf	 b = { 0 };

		skip(x);
		buf_addc(&b, c);
		t->type = LEX_PUNCT;
		keep(x, t, &b);
		buf_free(&b);
	}
}

void
lex_include(struct lexer *x, const char *path)
{
	free(x->pending);
	x->pending = strdup(path);
}

/* ---- macros ------------------------------------------------------------- */

static struct macro *
find(struct macros *h, const char *name)
{
	struct macro	*m;

	TAILQ_FOREACH(m, h, entry)
		if (strcmp(m->name, name) == 0)
			return (m);
	return (NULL);
}

static int
define(struct macros *h, const char *name, const char *value)
{
	struct macro	*m;

	if ((m = find(h, name)) != NULL) {
		free(m->value);
		return ((m->value = strdup(value)) == NULL ? -1 : 0);
	}
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (-1);
	m->name = strdup(name);
	m->value = strdup(value);
	TAILQ_INSERT_TAIL(h, m, entry);
	return (m->name == NULL || m->value == NULL ? -1 : 0);
}

int
lex_define(struct lexer *x, const char *name, const char *value)
{
	const char	*p;

	for (p = name; *p != '\0'; p++)
		if (*p != '_' && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') &&
		    !(p != name && *p >= '0' && *p <= '9')) {
			complain(x, x->last->name, x->last->line, "a macro's "
			    "name has letters, digits and _ and begins with "
			    "no digit");
			return (-1);
		}
	if (find(&command_line, name) != NULL)
		return (0);
	return (define(&x->macros, name, value));
}

int
lex_command_line(const char *s)
{
	const char	*eq = strchr(s, '=');
	struct buf	 name = { 0 };
	int		 rc;

	if (eq == NULL || eq == s || strpbrk(eq, "\r\n$") != NULL)
		return (-1);
	buf_add(&name, s, (size_t)(eq - s));
	rc = define(&command_line, buf_cstr(&name), eq + 1);
	buf_free(&name);
	return (rc);
}

void
lex_command_line_free(void)
{
	free_macros(&command_line);
}
