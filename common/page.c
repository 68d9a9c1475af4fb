/*
 * Answers to letterctl.  See page.h.
 */
#include <stdarg.h>
#include <string.h>

#include "page.h"
#include "utf8.h"

int
page_row(struct page *p, struct json_object *o)
{
	const char	*s = json_object_to_json_string_ext(o,
			    JSON_C_TO_STRING_PLAIN |
			    JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t		 off = p->octets.n;
	int		 rc = -1;

	if (p->n < PAGE_ROWS && (p->n == 0 || off + strlen(s) <=
	    PAGE_OCTETS) && buf_adds(&p->octets, s) == 0) {
		p->row[p->n].off = off;
		p->row[p->n++].n = p->octets.n - off;
		rc = 0;
	}
	json_object_put(o);
	return (rc);
}

void
page_answer(struct peer *peer, uint32_t id, struct page *p, struct span text,
    struct span cursor)
{
	struct msg_ctl_page	 m = { .text = text, .cursor = cursor,
				    .more = cursor.n > 0 };
	struct msg_ctl_row	 rows[PAGE_ROWS];
	size_t			 i;

	for (i = 0; p != NULL && i < p->n; i++)
		rows[i].json = span_of(p->octets.p + p->row[i].off,
		    p->row[i].n);
	m.rows.v = rows;
	m.rows.n = i;
	if (peer != NULL && peer_reply(peer, M_CTL, id, &c_ctl_page, &m,
	    -1) == -1)
		page_error(peer, id, "the answer is too large");
	if (p != NULL)
		page_free(p);
}

void
page_verror(struct peer *peer, uint32_t id, const char *fmt, va_list ap)
{
	struct msg_ctl_page	 m = { .status = 1 };
	struct buf		 b = { .max = MSG_TEXT_MAX };

	buf_addv(&b, fmt, ap);
	m.text = span_buf(&b);
	if (peer != NULL)
		(void)peer_reply(peer, M_CTL, id, &c_ctl_page, &m, -1);
	buf_free(&b);
}

void
page_error(struct peer *peer, uint32_t id, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	page_verror(peer, id, fmt, ap);
	va_end(ap);
}

void
page_free(struct page *p)
{
	buf_free(&p->octets);
	p->n = 0;
}

void
row_str(struct json_object *o, const char *name, struct span s)
{
	struct buf	 b = { 0 };

	utf8_add_clean(&b, s);
	json_object_object_add(o, name, json_object_new_string_len(
	    b.n == 0 ? "" : (const char *)b.p, (int)b.n));
	buf_free(&b);
}

void
row_num(struct json_object *o, const char *name, uint64_t n)
{
	json_object_object_add(o, name, json_object_new_int64((int64_t)n));
}

void
row_bool(struct json_object *o, const char *name, int on)
{
	json_object_object_add(o, name, json_object_new_boolean(on));
}
