LIB += common/dns/dns_addr.c common/dns/dns_name.c common/dns/dns_record.c
TESTS += regress/dns/dns_test
EXAMPLES += common/dns/example
MAN += man/dns.3
