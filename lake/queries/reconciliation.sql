-- Does each request count once? doubles must be 0 on every day
SELECT
  dt AS day,
  count(*) AS records,
  count(DISTINCT request_id) AS requests,
  count(*) - count(DISTINCT request_id) AS doubles,
  count(DISTINCT batch_id) AS batches,
  count(*) FILTER (WHERE batch_id IS NULL) AS not_shipped_yet,
  count(*) FILTER (WHERE status = 'interrupted') AS interrupted,
  sum(billed_cost) AS cost_usd
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
GROUP BY 1
ORDER BY 1
