/*
 * What a mail system looks at, and changes, in the header of a message that
 * its own users hand in, RFC 6409 section 8, and of any message, RFC 5321.
 */
#ifndef SUBMIT_H
#define SUBMIT_H

#include "buf.h"

#define SUBMIT_ADDRESSES	1000	/* addresses in From and Sender */

struct submit_facts {
	unsigned	 from;		/* From fields */
	unsigned	 addresses;	/* addresses in them */
	unsigned	 sender;	/* Sender fields */
	unsigned	 date, message_id, bcc, received;
	unsigned	 broken;	/* lines that are no field */
	int		 dirty;		/* a bare CR, LF or a NUL somewhere */
	int		 complete;	/* the empty line was there */
};
void	 submit_facts(struct span header, struct submit_facts *);

/*
 * Every author of a header: each address of From, and of Sender when there is
 * one.  The callback returns 0 to go on.  Returns 0, the callback's value if
 * not 0, or -1: EINVAL, the header says not plainly who wrote it (no From, or
 * two; two Senders; an address that cannot be read; a group; more than
 * SUBMIT_ADDRESSES), ENOMEM.
 */
int	 submit_authors(struct span header,
	    int (*cb)(void *, struct span local, struct span host), void *);

/*
 * Append the header as it goes out: without Bcc and Resent-Bcc (and without
 * Return-Path, which is the last system's to write), with Date and
 * Message-ID where they are missing, with its empty line.  Values are whole
 * ones: "Tue, 24 Nov ...", "<...>".
 */
int	 submit_header(struct buf *, struct span header, const char *date,
	    const char *message_id);

#endif
