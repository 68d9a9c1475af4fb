/*
 * Ready-made answers about a message: what is computed when it comes, and
 * reading it back.  See ready.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "header.h"
#include "imap_form.h"
#include "imapd/filter.h"
#include "imapd/ready.h"
#include "mime.h"

#define HEAD		(2 + 4 + 8 + 4 * READY_SECTIONS)
#define FIELDS_HEAD	(2 + 4 + 8 + 4)
#define PARSERS		4		/* kept for the next messages */
#define BULK_AFTER	4		/* in a row, then they are read in bulk */
#define BULK_NEAR	16		/* this far apart is in a row */
#define BULK_STRAY	64		/* so far behind one may be out of it */
#define PARSER_SMALL	65536		/* octets of a message whose parser is
					 * worth keeping */

struct ready_build {
	struct mime_parser	*parser;
	struct ready_build	*next;	/* kept */
	struct buf		 data;
	struct buf		 fields;
	uint64_t		 size;
	unsigned		 form;	/* IMAP_FORM_* of structures */
};

/* Of the loop thread, which begins and frees all of them. */
static struct ready_build	*kept;
static unsigned			 nkept;

static int	 build(struct ready_build *, const struct mime *);
static int	 head_get(struct ready *, struct span *, uint8_t *);
static int	 piece(struct ready_row *, struct dbenv_db *);
static int	 bulk(struct ready_row *, struct dbenv_db *, struct span,
		    struct span *);
static void	 bulk_end(struct ready_row *);
static int	 put_pieces(struct dbenv_db *, uint64_t, struct span);
static int	 drop_pieces(struct dbenv_db *, uint64_t);
static struct span piece_key(uint8_t [10], uint64_t, uint32_t);

/*
 * What Thunderbird, K-9, Apple Mail, FairEmail, mutt, Roundcube and SOGo ask
 * for in a list of messages, and what SEARCH and SORT look at.
 */
static const struct span	 fields[] = {
#define NAME(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }
	NAME("From"), NAME("To"), NAME("Cc"), NAME("Bcc"), NAME("Subject"),
	NAME("Date"), NAME("Message-ID"), NAME("References"),
	NAME("In-Reply-To"), NAME("Reply-To"), NAME("Sender"),
	NAME("Content-Type"), NAME("Content-Description"), NAME("Priority"),
	NAME("X-Priority"), NAME("Importance"), NAME("Newsgroups"),
	NAME("Lines"), NAME("List-Post"), NAME("List-ID"),
	NAME("List-Unsubscribe"), NAME("X-Label"), NAME("X-Mailer"),
	NAME("User-Agent"), NAME("Mail-Followup-To"),
	NAME("Disposition-Notification-To"),
#undef NAME
};

int
ready_field(struct span name)
{
	size_t	 i;

	for (i = 0; i < nitems(fields); i++)
		if (fields[i].n == name.n && span_caseeq(fields[i], name))
			return (1);
	return (0);
}

struct ready_build *
ready_begin(void)
{
	struct ready_build	*r;

	if ((r = kept) != NULL) {
		kept = r->next;
		nkept--;
		r->form = 0;
		return (r);
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	if ((r->parser = mime_parser_new(NULL)) == NULL) {
		free(r);
		errno = ENOMEM;
		return (NULL);
	}
	return (r);
}

void
ready_rev2(struct ready_build *r)
{
	r->form = IMAP_FORM_REV2;
}

int
ready_feed(struct ready_build *r, struct span s)
{
	r->size += s.n;
	return (mime_feed(r->parser, s));
}

int
ready_end(struct ready_build *r)
{
	const struct mime	*m;

	if ((m = mime_end(r->parser)) == NULL)
		return (-1);
	return (build(r, m));
}

void
ready_free(struct ready_build *r)
{
	if (r == NULL)
		return;
	if (nkept < PARSERS && r->size <= PARSER_SMALL &&
	    r->data.cap <= PARSER_SMALL) {
		mime_parser_reset(r->parser);
		buf_reset(&r->data);
		buf_reset(&r->fields);
		r->size = 0;
		r->next = kept;
		kept = r;
		nkept++;
		return;
	}
	mime_parser_free(r->parser);
	buf_free(&r->data);
	buf_free(&r->fields);
	free(r);
}

static void
set_u32(uint8_t *p, uint32_t v)
{
	int	 i;

	for (i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static void
head_put(struct buf *b, const struct mime *m, struct span header)
{
	struct header_field	 f;
	struct date		 d;
	uint8_t			 flags = 0;
	int32_t			 day = 0;

	if (m->parts[0].kept.n == m->parts[0].body)
		flags |= READY_WHOLE;
	if (header_find(header, "Date", 0, &f) == 1 &&
	    date_parse(f.value, &d) == 0) {
		flags |= READY_DATED;
		day = (int32_t)date_day(&d);
	}
	(void)buf_put_u8(b, READY_VERSION);
	(void)buf_put_u8(b, flags);
	(void)buf_put_u32(b, (uint32_t)day);
	(void)buf_put_u64(b, m->parts[0].body);
}

static int
section_put(struct buf *b, enum ready_section section, const struct mime *m,
    struct span header, unsigned form)
{
	switch (section) {
	case READY_ENVELOPE:
		return (message_envelope(b, header, 0));
	case READY_STRUCTURE:
		return (message_bodystructure(b, m,
		    IMAP_FORM_EXTENDED | form));
	case READY_FIELDS:	/* in the other database */
		return (0);
	case READY_TREE:
		return (mime_save(b, m));
	case READY_BODY:
		return (message_bodystructure(b, m, form));
	case READY_SECTIONS:
		break;
	}
	return (-1);
}

static int
build(struct ready_build *r, const struct mime *m)
{
	struct buf	*b = &r->data;
	struct span	 header = mime_text(m, m->parts[0].kept);
	size_t		 was;
	int		 i;

	head_put(b, m, header);
	for (i = 0; i < READY_SECTIONS; i++)
		(void)buf_put_u32(b, 0);
	for (i = 0; i < READY_SECTIONS; i++) {
		was = b->n;
		if (section_put(b, (enum ready_section)i, m, header,
		    r->form) == -1) {
			errno = ENOMEM;
			return (-1);
		}
		set_u32(b->p + HEAD - 4 * (READY_SECTIONS - i),
		    (uint32_t)(b->n - was));
	}
	head_put(&r->fields, m, header);
	(void)buf_put_u32(&r->fields, 0);
	if (header_select(&r->fields, header, fields, nitems(fields), 0) ==
	    -1) {
		errno = ENOMEM;
		return (-1);
	}
	set_u32(r->fields.p + FIELDS_HEAD - 4, (uint32_t)(r->fields.n -
	    FIELDS_HEAD));
	return (0);
}

static struct span
piece_key(uint8_t k[10], uint64_t body, uint32_t n)
{
	(void)key_u64(k, body);
	k[8] = (uint8_t)(n >> 8);
	k[9] = (uint8_t)n;
	return (span_of(k, 10));
}

static int
put_pieces(struct dbenv_db *db, uint64_t body, struct span s)
{
	struct span	 one;
	uint8_t		 k[10];
	uint32_t	 n;

	for (n = 0; s.n > 0; n++) {
		(void)span_take(&s, s.n < READY_PIECE ? s.n : READY_PIECE,
		    &one);
		if (dbenv_put(db, piece_key(k, body, n), one) == -1)
			return (-1);
	}
	return (0);
}

/* What is too large to be kept is made when it is asked for. */
int
ready_put(struct part *p, uint64_t body, const struct ready_build *r)
{
	if (r->data.n > READY_MAX || r->fields.n > READY_MAX)
		return (0);
	return (put_pieces(p->ready, body, span_buf(&r->data)) == -1 ? -1 :
	    put_pieces(p->fields, body, span_buf(&r->fields)));
}

/* Pieces are numbered from 0 without a gap. */
static int
drop_pieces(struct dbenv_db *db, uint64_t body)
{
	uint8_t		 k[10];
	uint32_t	 i;

	for (i = 0; i <= READY_MAX / READY_PIECE; i++)
		if (dbenv_del(db, piece_key(k, body, i)) == -1)
			return (errno == ENOENT ? 0 : -1);
	return (0);
}

int
ready_unref(struct part *p, uint64_t body)
{
	struct body_info	 info;

	/* A message goes though nobody knows any more how many have its body,
	 * or there is none: the body stays, and verify tells of it. */
	if (body_stat(p->bodies, body, &info) == -1)
		return (errno == ENOENT || errno == EILSEQ ? 0 : -1);
	if (info.refs <= 1 && (drop_pieces(p->ready, body) == -1 ||
	    drop_pieces(p->fields, body) == -1 ||
	    filter_drop(p, body) == -1))
		return (-1);
	return (body_unref(p->bodies, body));
}

/* What both heads begin with.  Nothing that is read is believed. */
static int
head_get(struct ready *r, struct span *s, uint8_t *version)
{
	uint32_t	 v;

	if (span_get_u8(s, version) == -1 || *version == 0 ||
	    *version > READY_VERSION || span_get_u8(s, &r->flags) == -1 ||
	    span_get_u32(s, &v) == -1 || span_get_u64(s, &r->header) == -1) {
		errno = EBADMSG;
		return (-1);
	}
	r->day = (int32_t)v;
	return (0);
}

/* sections: what is wanted of it. */
static int
made_head(struct ready *r, unsigned sections)
{
	struct span	 s = span_buf(&r->made.data);
	uint8_t		 version;
	uint32_t	 v;
	int		 i;

	if (head_get(r, &s, &version) == -1)
		return (-1);
	r->at[0] = HEAD;
	for (i = 0; i < READY_SECTIONS; i++) {
		if (span_get_u32(&s, &v) == -1) {
			errno = EBADMSG;
			return (-1);
		}
		r->at[i + 1] = r->at[i] + v;
	}
	if (version > 1 && (sections & READY_BIT(READY_FIELDS)) != 0) {
		errno = ENOENT;		/* they are elsewhere, or nowhere */
		return (-1);
	}
	return (0);
}

static void
bulk_end(struct ready_row *r)
{
	if (r->bulk)
		dbenv_iter_free(&r->it);
	r->bulk = 0;
	r->row = 0;
}

/* Go on to that key: 1 it is there, 0 it is not what comes next. */
static int
bulk(struct ready_row *r, struct dbenv_db *db, struct span key, struct span *v)
{
	int	 c = -1, skipped = 0;

	if (!r->bulk) {
		dbenv_iter_init(&r->it, db, key, span_of("", 0));
		r->bulk = 1;
		r->key = span_of("", 0);
	}
	while (r->key.n != key.n ||
	    (c = memcmp(r->key.p, key.p, key.n)) < 0)
		if (skipped++ == BULK_NEAR * 4 ||
		    dbenv_iter_next(&r->it, &r->key, &r->val) != 1)
			break;
	if (r->key.n == key.n && c == 0) {
		*v = r->val;
		return (1);
	}
	if (r->key.n == key.n && c > 0)
		return (0);	/* it stands before: those to come do not */
	bulk_end(r);
	return (0);
}

/* Bodies that took longer to come stand out of their row. */
static int
stray(const struct ready_row *r, uint64_t body)
{
	return (body < r->last && r->last - body <= BULK_STRAY);
}

/* Another body begins. */
static void
row_begin(struct ready_row *r, uint64_t body)
{
	buf_reset(&r->data);
	r->npieces = 0;
	r->body = body;
	if (body > r->last && body - r->last <= BULK_NEAR) {
		r->row++;
		r->last = body;
	} else if (!r->bulk || !stray(r, body)) {
		bulk_end(r);
		r->last = body;
	}
}

/* Read the next piece. */
static int
piece(struct ready_row *r, struct dbenv_db *db)
{
	struct span	 key, v;
	uint8_t		 k[10];

	key = piece_key(k, r->body, r->npieces);
	if ((r->row < BULK_AFTER || bulk(r, db, key, &v) == 0) &&
	    dbenv_get(db, key, &v) == -1)
		return (-1);
	r->npieces++;
	return (buf_add_span(&r->data, v));
}

/* Read on, until there are so many octets. */
static int
row_until(struct ready_row *r, struct dbenv_db *db, size_t want)
{
	int	 rc = 0;

	if (want > READY_MAX) {
		errno = EBADMSG;
		return (-1);
	}
	while (rc == 0 && r->data.n < want)
		rc = piece(r, db);
	return (rc);
}

static int
made_get(struct ready *r, struct part *p, uint64_t body, unsigned sections)
{
	struct ready_row	*row = &r->made;
	size_t			 want = 0;
	int			 i;

	if (row->body != body) {
		row_begin(row, body);
		if (piece(row, p->ready) == -1)
			goto err;
	}
	if (made_head(r, sections) == -1)
		goto err;
	for (i = 0; i < READY_SECTIONS; i++)
		if ((sections & READY_BIT(i)) != 0)
			want = r->at[i + 1];
	if (row_until(row, p->ready, want) == 0)
		return (0);
err:
	row->body = 0;
	return (-1);
}

static int
fields_get(struct ready *r, struct part *p, uint64_t body)
{
	struct ready_row	*row = &r->fields;
	struct span		 s;
	uint8_t			 version;
	uint32_t		 n;

	if (row->body != body) {
		row_begin(row, body);
		if (piece(row, p->fields) == -1)
			goto err;
	}
	s = span_buf(&row->data);
	if (head_get(r, &s, &version) == -1)
		goto err;
	if (version == 1 || span_get_u32(&s, &n) == -1) {
		errno = EBADMSG;
		goto err;
	}
	if (row_until(row, p->fields, FIELDS_HEAD + (size_t)n) == 0) {
		if (row->data.n == FIELDS_HEAD + (size_t)n)
			return (0);
		errno = EBADMSG;
	} else if (errno == ENOENT)	/* a piece of it is missing */
		errno = EBADMSG;
err:
	row->body = 0;
	return (-1);
}

int
ready_get(struct ready *r, struct part *p, uint64_t body, unsigned sections)
{
	unsigned	 there = READY_BIT(READY_FIELDS) | READY_HEAD;
	unsigned	 made = sections & ~there;
	unsigned	 all = made | READY_BIT(READY_FIELDS);

	r->body = body;
	if ((sections & there) == 0)
		return (made_get(r, p, body, made));
	/* One of version 1 is mostly followed by another. */
	if (r->old && made_get(r, p, body, all) == 0)
		return (0);
	r->old = 0;
	if (fields_get(r, p, body) == 0)
		return (made == 0 ? 0 : made_get(r, p, body, made));
	if (errno != ENOENT || made_get(r, p, body, all) == -1)
		return (-1);
	r->old = 1;
	return (0);
}

static int
row_take(struct ready_row *r, uint64_t body, const struct buf *from)
{
	buf_reset(&r->data);
	r->npieces = 0;
	r->body = body;
	return (buf_add_span(&r->data, span_buf(from)));
}

int
ready_take(struct ready *r, uint64_t body, const struct ready_build *from)
{
	r->body = body;
	if (row_take(&r->made, body, &from->data) == 0 &&
	    row_take(&r->fields, body, &from->fields) == 0 &&
	    made_head(r, 0) == 0)
		return (0);
	r->made.body = r->fields.body = 0;
	return (-1);
}

struct span
ready_section(const struct ready *r, enum ready_section section)
{
	if (section == READY_FIELDS && r->fields.body == r->body)
		return (span_of(r->fields.data.p + FIELDS_HEAD,
		    r->fields.data.n - FIELDS_HEAD));
	return (span_of(r->made.data.p + r->at[section],
	    r->at[section + 1] - r->at[section]));
}

void
ready_clear(struct ready *r)
{
	bulk_end(&r->made);
	bulk_end(&r->fields);
	buf_free(&r->made.data);
	buf_free(&r->fields.data);
	memset(r, 0, sizeof(*r));
}
