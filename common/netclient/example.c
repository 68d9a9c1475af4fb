/*
 * A login by IMAP over a connection, with the strongest mechanism that both
 * sides have.  The server is a thread here that knows its lines.
 */
#include <sys/socket.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "netclient.h"

static const char *const	 lines[] = {
	"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=CRAM-MD5 AUTH=PLAIN] hello\r\n",
	"+ PDEuMkBtYWlsLmV4YW1wbGUub3JnPg==\r\n",	/* a challenge */
	"a1 OK [CAPABILITY IMAP4rev1] welcome\r\n",
	"* BYE see you\r\na2 OK done\r\n",
};

/* A line for each line. */
static void *
serve(void *arg)
{
	int	 fd = *(int *)arg;
	size_t	 i;
	char	 c;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (write(fd, lines[i], strlen(lines[i])) == -1)
			break;
		while (read(fd, &c, 1) == 1 && c != '\n')
			continue;
	}
	close(fd);
	return (NULL);
}

int
main(void)
{
	struct netclient_settings	 to = { .host = "mail.example.org" };
	struct imapclient_settings	 set = { .sasl = netlogin_imap,
					    .in_clear = 1 };
	struct netlogin			 login = { 0 };
	struct imapclient		*c = NULL;
	pthread_t			 thread;
	int				 fds[2];

	signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1 ||
	    pthread_create(&thread, NULL, serve, &fds[1]) != 0)
		return (1);
	/* elsewhere: to.port, to.tls, and netclient_open(&to, &why) */
	login.net = netclient_new(fds[0], &to);
	login.who.user = span_str("alice");
	login.who.password = span_str("secret");
	set.sasl_arg = &login;
	if (login.net == NULL || (c = imapclient_new(&set)) == NULL)
		return (1);
	if (netclient_imap(login.net, c) == IMAPCLIENT_READY) {
		printf("logged in by %s: %s\n", sasl_mech_names[login.used],
		    imapclient_text(c));
		imapclient_logout(c);
		if (netclient_imap(login.net, c) == IMAPCLIENT_END)
			printf("logged out\n");
	} else
		printf("%s\n", login.error != NULL ? login.error :
		    imapclient_error(c));
	netlogin_clear(&login);
	imapclient_free(c);
	netclient_free(login.net);
	pthread_join(thread, NULL);
	return (0);
}
