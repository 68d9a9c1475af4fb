/*
 * born FILE NAME PRIVILEGED: what the parent says to a newborn relay worker of
 * transport NAME under the configuration in FILE, as packets to descriptor 3.
 */
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/parse.h"
#include "build.h"
#include "log.h"
#include "msg.h"

static void
packet(uint32_t type, struct span payload)
{
	struct buf	 b = { 0 };

	buf_put_u32(&b, type);
	buf_put_u32(&b, 0);
	buf_add_span(&b, payload);
	if (send(3, b.p, b.n, 0) != (ssize_t)b.n)
		exit(1);
	buf_free(&b);
}

int
main(int argc, char **argv)
{
	struct msg_birth	 birth = { .role = ROLE_RELAY,
				    .log_level = LOG_LEVEL_DEBUG };
	struct report		 r = { 0 };
	struct buf		 b = { 0 }, wire = { .max = CONF_MAX };
	struct conf		*c;
	struct span		 s, piece;

	if (argc != 4)
		return (2);
	if ((c = parse_conf(argv[1], &r)) == NULL) {
		fprintf(stderr, "%s", buf_cstr(&r.text));
		return (1);
	}
	conf_settle(c, 0);
	if (conf_put(&wire, c, ROLE_RELAY, argv[2]) == -1)
		return (1);
	birth.build = span_str(LETTERLOCK_BUILD);
	birth.name = span_str(argv[2]);
	birth.privileged = argv[3][0] == '1';
	birth.conf_size = wire.n;
	if (codec_put(&b, &c_birth, &birth) == -1)
		return (1);
	packet(M_BIRTH, span_buf(&b));
	for (s = span_buf(&wire); s.n > 0;) {
		(void)span_take(&s, s.n < 8192 ? s.n : 8192, &piece);
		packet(M_CONF, piece);
	}
	packet(M_BIRTH_END, span_of(NULL, 0));
	buf_free(&b);
	buf_free(&wire);
	buf_free(&r.text);
	conf_free(c);
	return (0);
}
