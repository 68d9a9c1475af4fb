LIB += common/dns/dns_addr.c common/dns/dns_name.c common/dns/dns_record.c
