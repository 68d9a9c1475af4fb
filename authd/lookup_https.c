/*
 * HTTPS with libcurl, led by the loop.  See lookup_https.h.
 *
 * What a server says is read by libcurl and libssl in this process, which has
 * nothing of ours, no file, and a filter on what it may ask of the kernel.
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"
#include "lookup_https.h"
#include "tlsctx.h"

#define FETCHES		64		/* under way */
#define CONNECT_S	20
#define TOTAL_S		60
#define CA_MAX		(4 * 1024 * 1024)	/* octets of authorities */
#define ADDRS		8

struct fetch {
	CURL			*h;
	struct curl_slist	*resolve;
	struct buf		 body;
	size_t			 max;
	int			 large;		/* more than that */
	https_fn		 fn;
	void			*arg;
	char			 error[CURL_ERROR_SIZE];
};

static void	 on_socket_ready(evutil_socket_t, short, void *);
static void	 on_timer(evutil_socket_t, short, void *);
static void	 ended(void);

static struct event_base	*base;
static CURLM			*multi;
static struct event		*timer;
static struct buf		 authorities;
static unsigned			 nfetches;

/* ---- libcurl's loop ------------------------------------------------------------ */

static int
on_socket(CURL *h, curl_socket_t fd, int what, void *arg, void *ours)
{
	struct event	*ev = ours;
	short		 events = EV_PERSIST;

	(void)h;
	(void)arg;
	if (ev != NULL)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		if ((what & CURL_POLL_IN) != 0)
			events |= EV_READ;
		if ((what & CURL_POLL_OUT) != 0)
			events |= EV_WRITE;
		ev = event_new(base, fd, events, on_socket_ready, NULL);
		if (ev != NULL)
			event_add(ev, NULL);
	}
	(void)curl_multi_assign(multi, fd, ev);
	return (0);
}

static int
on_timeout(CURLM *m, long ms, void *arg)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };

	(void)m;
	(void)arg;
	if (ms < 0)
		event_del(timer);
	else
		event_add(timer, &tv);
	return (0);
}

static void
on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	int	 running, flags = 0;

	(void)arg;
	if ((what & EV_READ) != 0)
		flags |= CURL_CSELECT_IN;
	if ((what & EV_WRITE) != 0)
		flags |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(multi, fd, flags, &running);
	ended();
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	int	 running;

	(void)fd;
	(void)what;
	(void)arg;
	(void)curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	ended();
}

/* ---- one of them --------------------------------------------------------------- */

static void
fetch_free(struct fetch *f)
{
	if (f->h != NULL)
		curl_easy_cleanup(f->h);
	curl_slist_free_all(f->resolve);
	buf_free(&f->body);
	free(f);
}

/* RFC 8461 section 3.3: 200, text/plain. */
static const char *
unfit(struct fetch *f, CURLcode rc, char room[128])
{
	const char	*type = NULL;
	long		 code = 0;

	if (f->large || rc == CURLE_FILESIZE_EXCEEDED) {
		snprintf(room, 128, "it has more than %zu octets", f->max);
		return (room);
	}
	if (rc != CURLE_OK)
		return (f->error[0] != '\0' ? f->error :
		    curl_easy_strerror(rc));
	(void)curl_easy_getinfo(f->h, CURLINFO_RESPONSE_CODE, &code);
	(void)curl_easy_getinfo(f->h, CURLINFO_CONTENT_TYPE, &type);
	if (code != 200) {
		snprintf(room, 128, "the server answers %ld", code);
		return (room);
	}
	if (type == NULL || strncasecmp(type, "text/plain", 10) != 0 ||
	    (type[10] != '\0' && type[10] != ';' && type[10] != ' '))
		return ("it is no text/plain");
	return (NULL);
}

static void
ended(void)
{
	struct fetch	*f;
	struct span	 text;
	CURLMsg		*m;
	const char	*why;
	char		 room[128];
	int		 left;

	while ((m = curl_multi_info_read(multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle,
		    CURLINFO_PRIVATE, (char **)&f) != CURLE_OK)
			continue;
		why = unfit(f, m->data.result, room);
		(void)curl_multi_remove_handle(multi, f->h);
		nfetches--;
		text = span_buf(&f->body);
		f->fn(f->arg, why == NULL ? &text : NULL, why);
		fetch_free(f);
	}
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch	*f = arg;

	n *= size;
	if (f->body.n + n > f->max) {
		f->large = 1;
		return (0);
	}
	return (buf_add(&f->body, p, n) == -1 ? 0 : n);
}

/* "host:443:192.0.2.1,2001:db8::1" */
static int
set_addresses(struct fetch *f, const char *host, const struct dns_addr *v,
    size_t n)
{
	struct buf	 b = { 0 };
	char		 text[DNS_ADDR_TEXT];
	size_t		 i;
	int		 rc = -1;

	(void)buf_addf(&b, "%s:443:", host);
	for (i = 0; i < n && i < ADDRS; i++)
		(void)buf_addf(&b, "%s%s%s%s", i > 0 ? "," : "",
		    v[i].family == AF_INET6 ? "[" : "",
		    dns_addr_text(&v[i], text),
		    v[i].family == AF_INET6 ? "]" : "");
	if (buf_cstr(&b) != NULL && (f->resolve = curl_slist_append(NULL,
	    buf_cstr(&b))) != NULL &&
	    curl_easy_setopt(f->h, CURLOPT_RESOLVE, f->resolve) == CURLE_OK)
		rc = 0;
	buf_free(&b);
	return (rc);
}

static int
set_up(struct fetch *f, const char *host, const char *path)
{
	struct curl_blob	 ca = { authorities.p, authorities.n,
				    CURL_BLOB_NOCOPY };
	struct buf		 url = { 0 };
	CURL			*h = f->h;
	int			 bad;

	(void)buf_addf(&url, "https://%s/%s", host, path);
	bad = buf_cstr(&url) == NULL ||
	    curl_easy_setopt(h, CURLOPT_URL, buf_cstr(&url)) != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_CAINFO_BLOB, &ca) != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_PROXY, "") != CURLE_OK;
	(void)curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(h, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(h, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	(void)curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)TOTAL_S);
	(void)curl_easy_setopt(h, CURLOPT_MAXFILESIZE, (long)f->max);
	(void)curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(h, CURLOPT_USERAGENT, "Letterlock");
	(void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(h, CURLOPT_WRITEDATA, f);
	(void)curl_easy_setopt(h, CURLOPT_ERRORBUFFER, f->error);
	(void)curl_easy_setopt(h, CURLOPT_PRIVATE, f);
	buf_free(&url);
	return (bad ? -1 : 0);
}

int
https_get(const char *host, const char *path, const struct dns_addr *v,
    size_t n, size_t max, https_fn fn, void *arg)
{
	struct fetch	*f;

	if (multi == NULL || nfetches >= FETCHES ||
	    (f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	f->max = max;
	f->fn = fn;
	f->arg = arg;
	if ((f->h = curl_easy_init()) == NULL || set_up(f, host, path) == -1 ||
	    set_addresses(f, host, v, n) == -1 ||
	    curl_multi_add_handle(multi, f->h) != CURLM_OK) {
		fetch_free(f);
		return (-1);
	}
	nfetches++;
	return (0);
}

/* ---- before the cage ----------------------------------------------------------- */

static int
read_authorities(const char *path, struct buf *why)
{
	uint8_t	*room;
	ssize_t	 n = -1;
	int	 fd = -1;

	if (*path == '\0')
		path = tlsctx_cafile();
	if (path != NULL && (fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		while (authorities.n < CA_MAX &&
		    (room = buf_reserve(&authorities, 65536)) != NULL &&
		    (n = read(fd, room, 65536)) > 0)
			buf_commit(&authorities, (size_t)n);
		close(fd);
	}
	if (n == 0 && authorities.n > 0)
		return (0);
	buf_addf(why, "%s: no authorities' certificates: no policy of MTA-STS "
	    "can be fetched", path != NULL ? path : "this system");
	return (-1);
}

int
https_open(struct event_base *b, const char *path, struct buf *why)
{
	base = b;
	if (read_authorities(path, why) == -1)
		return (-1);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (timer = event_new(base, -1, 0, on_timer, NULL)) == NULL ||
	    (multi = curl_multi_init()) == NULL) {
		buf_adds(why, "no memory for HTTPS");
		return (-1);
	}
	(void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	(void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L);
	return (0);
}
