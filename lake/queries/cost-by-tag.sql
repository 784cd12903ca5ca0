-- What each tag cost; a request with two tags is in two lines
SELECT
  t.tag AS tag,
  count(*) AS requests,
  sum(u.billed_cost) AS cost_usd
FROM llm_usage AS u
CROSS JOIN UNNEST(u.tags) AS t (tag)
WHERE u.dt >= :first_day AND u.dt <= :last_day
  AND u.start_time >= :since AND u.start_time < :until
GROUP BY 1
ORDER BY cost_usd DESC NULLS LAST, 1
