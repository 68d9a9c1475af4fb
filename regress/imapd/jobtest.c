/* A job of letterctl's for tests.  See jobtest.h. */
#include <json-c/json.h>

#include "imapd/account.h"
#include "imapd/store_ctl.h"
#include "imaptest.h"
#include "jobtest.h"

int		 job_status;
struct buf	 job_said;

void
ctl_job_begin(struct ctl_job *j, struct store *st, struct peer *p, uint32_t id,
    void (*stop)(struct ctl_job *))
{
	j->store = st;
	j->peer = p;
	j->id = id;
	j->stop = stop;
}

void
ctl_job_end(struct ctl_job *j, int rc, const char *text)
{
	job_status = rc;
	buf_reset(&job_said);
	(void)buf_adds(&job_said, text);
	store_unwork(j->store, &j->work);
}

void
ctl_job_done(struct ctl_job *j, struct page *page, const char *text)
{
	ctl_job_end(j, 0, text);
	(void)buf_add_span(&job_said, span_buf(&page->octets));
	buf_free(&page->octets);
}

int
page_row(struct page *page, struct json_object *o)
{
	(void)buf_addf(&page->octets, " %s", json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return (0);
}

void
row_num(struct json_object *o, const char *name, uint64_t n)
{
	json_object_object_add(o, name, json_object_new_int64((int64_t)n));
}

struct account *
ctl_account(const struct ctl_ask *a)
{
	(void)a;
	return (account_get(t_part, 1, span_str("one")));
}

void
page_error(struct peer *p, uint32_t id, const char *fmt, ...)
{
	(void)p;
	(void)id;
	(void)fmt;
	job_status = 1;
}

void
page_answer(struct peer *p, uint32_t id, struct page *page, struct span text,
    struct span cursor)
{
	(void)p;
	(void)id;
	(void)page;
	(void)text;
	(void)cursor;
}
