/*
 * Headers at submission.
 */
#include <errno.h>

#include "address.h"
#include "compose.h"
#include "header.h"
#include "submit.h"

struct authors {
	int	(*cb)(void *, struct span, struct span);
	void	*arg;
	unsigned n;
};

static int	 one_field(struct authors *, struct span);
static int	 is_dropped(struct span);

void
submit_facts(struct span h, struct submit_facts *sf)
{
	struct header_facts	 facts;
	struct header_field	 f;
	struct address_list	 l;
	struct address		 a;
	struct span		 left;

	header_facts(h, &facts);
	sf->from = facts.count[HDR_FROM];
	sf->sender = facts.count[HDR_SENDER];
	sf->date = facts.count[HDR_DATE];
	sf->message_id = facts.count[HDR_MESSAGE_ID];
	sf->bcc = facts.count[HDR_BCC];
	sf->received = facts.count[HDR_RECEIVED];
	sf->broken = facts.broken;
	sf->addresses = 0;
	sf->dirty = 0;
	(void)header_length(h, &sf->complete);
	for (left = h; header_next(&left, &f);) {
		if (f.name.n == 0) {
			f.value = f.raw;	/* without its line's end */
			while (f.value.n > 0 &&
			    f.value.p[f.value.n - 1] == '\n')
				f.value.n -= f.value.n > 1 &&
				    f.value.p[f.value.n - 2] == '\r' ? 2 : 1;
		}
		sf->dirty |= header_dirty(f.value);
		if (header_id(f.name) != HDR_FROM)
			continue;
		address_begin(&l, f.value);
		while (address_next(&l, &a) == 1)
			sf->addresses += a.kind == ADDRESS_MAILBOX;
		address_end(&l);
	}
}

static int
one_field(struct authors *au, struct span value)
{
	struct address_list	 l;
	struct address		 a;
	unsigned		 before = au->n;
	int			 rc;

	address_begin(&l, value);
	while ((rc = address_next(&l, &a)) == 1) {
		if (a.kind != ADDRESS_MAILBOX || a.broken || a.route.n > 0 ||
		    ++au->n > SUBMIT_ADDRESSES) {
			errno = EINVAL;
			rc = -1;
			break;
		}
		if ((rc = au->cb(au->arg, a.local, a.host)) != 0)
			break;
	}
	address_end(&l);
	if (rc == 0 && au->n == before) {
		errno = EINVAL;
		rc = -1;
	}
	return (rc);
}

int
submit_authors(struct span h, int (*cb)(void *, struct span, struct span),
    void *arg)
{
	struct authors		 au = { cb, arg, 0 };
	struct header_facts	 facts;
	int			 rc;

	header_facts(h, &facts);
	if (facts.count[HDR_FROM] != 1 || facts.count[HDR_SENDER] > 1 ||
	    header_dirty(facts.value[HDR_FROM])) {
		errno = EINVAL;
		return (-1);
	}
	if ((rc = one_field(&au, facts.value[HDR_FROM])) != 0 ||
	    facts.count[HDR_SENDER] == 0)
		return (rc);
	return (one_field(&au, facts.value[HDR_SENDER]));
}

static int
is_dropped(struct span name)
{
	enum header_id	 id = header_id(name);

	return (id == HDR_BCC || id == HDR_RETURN_PATH ||
	    span_caseeqs(name, "Resent-Bcc"));
}

int
submit_header(struct buf *b, struct span h, const char *date,
    const char *message_id)
{
	struct header_facts	 facts;
	struct header_field	 f;

	header_facts(h, &facts);
	while (header_next(&h, &f))
		if (f.name.n == 0 || !is_dropped(f.name))
			buf_add_span(b, f.raw);
	if (b->n > 0 && b->p[b->n - 1] != '\n')
		buf_adds(b, "\r\n");
	if (facts.count[HDR_DATE] == 0)
		compose_raw(b, "Date", span_str(date));
	if (facts.count[HDR_MESSAGE_ID] == 0)
		compose_raw(b, "Message-ID", span_str(message_id));
	return (buf_adds(b, "\r\n"));
}
