/*
 * A small file by HTTPS, for "authd: lookup": from addresses that are known, of a
 * server whose name is verified, without redirections.
 */
#ifndef LOOKUP_HTTPS_H
#define LOOKUP_HTTPS_H

#include "buf.h"
#include "dns.h"

struct event_base;

/* text NULL: it cannot be had, and why says so. */
typedef void	(*https_fn)(void *arg, const struct span *text,
		    const char *why);

/*
 * Before the cage: authorities is the file of their certificates, "" for the
 * system's.  0, or -1 with a reason.
 */
int	 https_open(struct event_base *, const char *authorities,
	    struct buf *why);
/*
 * Get https://host/path from one of the addresses: text/plain of up to max
 * octets, within a minute.  fn is called once, not before this returns; -1: no
 * memory, or too many are under way, and fn is not called.
 */
int	 https_get(const char *host, const char *path,
	    const struct dns_addr *, size_t n, size_t max, https_fn, void *arg);

#endif
