/*
 * The table of IMAP's capabilities.
 */
#include <string.h>

#include "imapcap.h"

#define BOTH	IMAPCAP_BOTH
#define AFTER	IMAPCAP_AFTER

/* IMAP4rev1 is not here: nobody can do without it. */
static const struct imapcap caps[] = {
	{ "IMAP4rev2",		BOTH,	NULL,		NULL },
	{ "SASL-IR",		IMAPCAP_BEFORE,	NULL,	NULL },
	{ "ID",			BOTH,	NULL,		"ID " },
	{ "LITERAL+",		BOTH,	NULL,		NULL },
	{ "IDLE",		AFTER,	NULL,		"IDLE " },
	{ "NAMESPACE",		AFTER,	NULL,		"NAMESPACE " },
	{ "UIDPLUS",		AFTER,	NULL,		NULL },
	{ "MOVE",		AFTER,	NULL,		"MOVE " },
	{ "UNSELECT",		AFTER,	NULL,		"UNSELECT " },
	{ "ENABLE",		BOTH,	NULL,		"ENABLE " },	/* imaplib looks there */
	{ "CHILDREN",		AFTER,	NULL,		NULL },
	{ "SPECIAL-USE",	AFTER,	NULL,		NULL },
	{ "MULTIAPPEND",	AFTER,	NULL,		NULL },
	{ "ESEARCH",		AFTER,	NULL,		NULL },
	{ "SEARCHRES",		AFTER,	NULL,		NULL },
	{ "WITHIN",		AFTER,	NULL,		NULL },
	{ "LIST-EXTENDED",	AFTER,	NULL,		NULL },
	{ "LIST-STATUS",	AFTER,	NULL,		NULL },
	{ "STATUS=SIZE",	AFTER,	NULL,		NULL },
	{ "CREATE-SPECIAL-USE",	AFTER,	"SPECIAL-USE",	NULL },
	{ "CONDSTORE",		AFTER,	NULL,		NULL },
	{ "QRESYNC",		AFTER,	"CONDSTORE",	NULL },
	{ "QUOTA",		AFTER,	NULL,
	    "GETQUOTA GETQUOTAROOT SETQUOTA " },
	{ "QUOTA=RES-STORAGE",	AFTER,	"QUOTA",	NULL },
	{ "QUOTA=RES-MESSAGE",	AFTER,	"QUOTA",	NULL },
	{ "METADATA",		AFTER,	NULL,
	    "GETMETADATA SETMETADATA " },
	{ "LIST-METADATA",	AFTER,	"METADATA",	NULL },
	{ "ACL",		AFTER,	NULL,
	    "GETACL SETACL DELETEACL LISTRIGHTS MYRIGHTS " },
	{ "RIGHTS=kxte",	AFTER,	"ACL",		NULL },
	{ "LIST-MYRIGHTS",	AFTER,	"ACL",		NULL },
	{ "COMPRESS=DEFLATE",	AFTER,	NULL,		"COMPRESS " },
	{ "SAVEDATE",		AFTER,	NULL,		NULL },
	{ "OBJECTID",		AFTER,	NULL,		NULL },
	{ "INPROGRESS",		AFTER,	NULL,		NULL },
	{ "UTF8=ACCEPT",	AFTER,	NULL,		NULL },
	{ "BINARY",		AFTER,	NULL,		NULL },
	{ "PREVIEW",		AFTER,	NULL,		NULL },
	{ "REPLACE",		AFTER,	NULL,		"REPLACE " },
	{ "UIDONLY",		AFTER,	NULL,		NULL },
	{ "PARTIAL",		AFTER,	"ESEARCH",	NULL },
	{ "UIDBATCHES",		AFTER,	NULL,		"UIDBATCHES " },
	{ "MESSAGELIMIT",	IMAPCAP_VALUED,	NULL,	NULL },
	{ "SAVELIMIT",		IMAPCAP_VALUED,	NULL,	NULL },
	{ "SORT",		AFTER,	NULL,		"SORT " },
	{ "SORT=DISPLAY",	AFTER,	"SORT",		NULL },
	{ "ESORT",		AFTER,	"SORT",		NULL },
	{ "NOTIFY",		AFTER,	NULL,		"NOTIFY " },
	{ "MULTISEARCH",	AFTER,	"ESEARCH",	"ESEARCH " },
	{ "THREAD=REFERENCES",	AFTER,	NULL,		NULL },
	{ "THREAD=ORDEREDSUBJECT", AFTER, NULL,		NULL },
	{ "APPENDLIMIT",	AFTER,	NULL,		NULL },	/* last: a value follows */
};

_Static_assert(nitems(caps) <= 64, "a set is 64 bits");

uint64_t
imapcap_bits(struct span name)
{
	uint64_t	 bits = 0;
	size_t		 i;

	for (i = 0; i < nitems(caps); i++)
		if (span_caseeqs(name, caps[i].name) || (bits != 0 &&
		    caps[i].base != NULL && span_caseeqs(name, caps[i].base)))
			bits |= (uint64_t)1 << i;
	return (bits);
}

int
imapcap_on(uint64_t off, const char *name)
{
	size_t	 i;

	for (i = 0; off != 0 && i < nitems(caps); i++)
		if (strcmp(name, caps[i].name) == 0)
			return ((off >> i & 1) == 0);
	return (1);
}

int
imapcap_no_command(uint64_t off, struct span command)
{
	const char	*p, *e;
	size_t		 i;

	for (i = 0; i < nitems(caps); i++) {
		if ((off >> i & 1) == 0 || caps[i].commands == NULL)
			continue;
		for (p = caps[i].commands; (e = strchr(p, ' ')) != NULL;
		    p = e + 1)
			if (span_caseeq(command, span_of(p, (size_t)(e - p))))
				return (1);
	}
	return (0);
}

void
imapcap_write(struct buf *b, enum imapcap_when when, uint64_t off)
{
	size_t	 i;

	for (i = 0; i < nitems(caps); i++)
		if ((caps[i].when == when || caps[i].when == BOTH) &&
		    (off >> i & 1) == 0)
			(void)buf_addf(b, " %s", caps[i].name);
}

void
imapcap_names(struct buf *b, uint64_t set)
{
	const char	*comma = "";
	size_t		 i;

	for (i = 0; i < nitems(caps); i++)
		if (set >> i & 1) {
			(void)buf_addf(b, "%s\"%s\"", comma, caps[i].name);
			comma = ", ";
		}
}
