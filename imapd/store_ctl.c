/*
 * What letterctl asks of a store.  See store_ctl.h.
 */
#include <stdlib.h>

#include "imapd/store_ctl.h"
#include "msg.h"

int
store_ctl(struct peer *p, struct imsg *m)
{
	struct msg_ctl_page	 page = { .status = 1 };
	struct msg_ctl		 c;

	if (imsg_get(m, &c_ctl, &c) == -1)
		return (-1);
	page.text = span_str("not possible here");
	(void)peer_reply(p, M_CTL, m->id, &c_ctl_page, &page, -1);
	codec_free(&c_ctl, &c);
	return (0);
}

void
store_ctl_down(struct peer *p)
{
	(void)p;
}
