/*
 * APPEND, RFC 3501 section 6.3.11, RFC 3502, RFC 7889: messages that come as
 * literals.  What can be refused is refused before the client sends it.
 */
#ifndef APPEND_H
#define APPEND_H

#include "imapd/session.h"

#define APPEND_MEMORY	65536	/* octets of one message in memory */

/* Set up the session's lexer with its limits and the policy on literals. */
void	 append_lexer(struct session *);
/* Octets of the literal that streams in. */
void	 append_data(struct session *, struct span);
/* Drop what came. */
void	 append_free(struct session *);

#endif
