-- Each process of the gateway: what it served, what it cut off, what it added in milliseconds
SELECT
  coalesce(gateway_instance, '(none)') AS gateway_instance,
  min(start_time) AS first_request,
  max(start_time) AS last_request,
  count(*) AS requests,
  count(*) FILTER (WHERE status = 'refused') AS refused,
  count(*) FILTER (WHERE status = 'failure') AS failed,
  count(*) FILTER (WHERE status = 'truncated') AS truncated,
  count(*) FILTER (WHERE status = 'interrupted') AS interrupted,
  count(*) FILTER (WHERE usage_is_estimated) AS estimated,
  count(*) FILTER (WHERE payload_logged = 'shed') AS bodies_shed,
  round(approx_percentile(gateway_overhead_ms, 0.5), 2) AS p50_overhead_ms,
  round(approx_percentile(gateway_overhead_ms, 0.95), 2) AS p95_overhead_ms
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
GROUP BY 1
ORDER BY requests DESC, 1
